"""Pictures with known segments, and sessions whose full fits run in this process."""

import numpy as np
from PIL import Image

from gaussmix.app.pictures.results import fit_labels
from gaussmix.app.pictures.session import PictureSession
from gaussmix.app.pictures.settings import Settings

COLORS = np.array([[30, 60, 40], [120, 60, 50], [60, 110, 200], [230, 215, 120]])


def blocks(height=40, width=60, seed=0):
    """Return a picture of four noisy upright blocks, dark to bright."""
    noise = np.random.default_rng(seed).integers(0, 24, (height, width, 3))
    return (COLORS[np.arange(width) * 4 // width][None] + noise).astype(np.uint8)


def session_of(path, **settings):
    """Return the session of a file with some settings."""
    session = PictureSession(path, path.name, 1_000_000_000)
    session.change(Settings(**settings))
    return session


def block_session(folder, name="blocks.png", **settings):
    """Return the session of the blocks; 4 segments unless the settings say otherwise."""
    Image.fromarray(blocks()).save(folder / name)
    return session_of(folder / name, **{"n_components": 4, **settings})


def complete(session):
    """Make the full fit of a session."""
    arguments, accept = session.full_fit()
    accept(fit_labels(lambda fraction, text: None, *arguments))
    return session
