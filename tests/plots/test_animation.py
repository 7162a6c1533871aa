"""The dance of EM: each frame shows the step that its title names, and what is written can be played."""

import base64
import io
import json
import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from gaussmix import Mixture, trace_em
from gaussmix.datasets import load_old_faithful
from gaussmix.plots import EMAnimation, ellipse, radius_holding
from gaussmix.plots.animation import MOST_ROWS
from gaussmix.plots.drawing import PALETTE

ROWS = load_old_faithful()[0]


@pytest.fixture(scope="module")
def trace():
    means, covariances = [[2.0, 60.0], [3.0, 75.0], [4.5, 80.0]], np.tile(np.cov(ROWS.T), (3, 1, 1))
    return trace_em(ROWS, Mixture.from_parameters([0.3, 0.3, 0.4], means, covariances), 3)


@pytest.fixture(scope="module")
def animation(trace):
    return EMAnimation(trace, ROWS)


def drawn(animation, frame):
    axes = Figure().subplots()
    animation.draw(frame, axes)
    return axes


def test_components_move_in_the_m_step_alone(trace, animation):
    for frame in range(animation.n_frames):
        axes = drawn(animation, frame)
        mixture = trace.mixtures[frame // 2]
        curves = [path.vertices for lines in axes.collections[1:] for path in lines.get_paths()]
        expected = [
            ellipse(mean, covariance, radius_holding(mass))
            for mass in (0.5, 0.95)
            for mean, covariance in zip(mixture.means, mixture.covariance.dense(), strict=True)
        ]
        np.testing.assert_allclose(curves, expected)


def test_colors_change_in_the_e_step_alone(trace, animation):
    colors = [drawn(animation, frame).collections[0].get_facecolors() for frame in range(animation.n_frames)]
    assert len(np.unique(colors[0], axis=0)) == 1, "nobody has a component before the first E-step"
    for number in range(trace.n_iter):
        e_step, m_step = colors[2 * number + 1], colors[2 * number + 2]
        np.testing.assert_array_equal(e_step, m_step)
        labels = trace.mixtures[number].labels(ROWS)
        np.testing.assert_allclose(e_step[:, :3], np.array([to_rgb(PALETTE[label]) for label in labels]))


def test_titles_say_the_step_and_the_log_likelihood(trace, animation):
    titles = [animation.title(frame) for frame in range(animation.n_frames)]
    levels = [f"{value:.3f}" for value in trace.log_likelihood]
    assert titles[:3] == [
        f"Start: log-likelihood {levels[0]}",
        f"Pass 1, E-step: log-likelihood {levels[0]}",
        f"Pass 1, M-step: log-likelihood {levels[1]}",
    ]
    assert titles[-1] == f"Pass 3, M-step: log-likelihood {levels[-1]}"
    assert drawn(animation, 2).get_title(loc="left") == titles[2]


def test_all_frames_have_one_view(animation):
    views = {(*axes.get_xlim(), *axes.get_ylim()) for axes in (drawn(animation, f) for f in range(animation.n_frames))}
    assert len(views) == 1
    low, high = np.array(views.pop()).reshape(2, 2).T
    assert (low < ROWS.min(axis=0)).all()
    assert (high > ROWS.max(axis=0)).all()


@pytest.mark.slow
def test_gif_has_every_frame(animation, tmp_path):
    animation.save(tmp_path / "em.gif")
    with Image.open(tmp_path / "em.gif") as moving:
        assert moving.n_frames == animation.n_frames
        moving.seek(moving.n_frames - 1)
        assert moving.info["duration"] > 1000


@pytest.mark.slow
def test_page_has_every_frame_and_asks_nobody(animation, tmp_path):
    animation.save(tmp_path / "em.html")
    page = (tmp_path / "em.html").read_text(encoding="utf-8")
    assert not re.findall(r"http|url\(|import|src=\"(?!data:)|href|fetch", re.sub(r"[\w+/=]{200,}", "", page))
    frames = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])
    assert len(frames) == animation.n_frames
    assert f'max="{animation.n_frames - 1}"' in page
    assert f"base64,{frames[0]}" in page, "the first frame is there without scripts"
    sizes = {Image.open(io.BytesIO(base64.b64decode(frame))).size for frame in frames}
    assert sizes == {(600, 500)}
    assert "".join(page.split("</head><body>\n")[1].split("</body>")[0]) == animation._repr_html_()


def test_twenty_passes_are_a_small_file():
    rows = np.random.default_rng(0).normal(size=(4 * MOST_ROWS, 2))
    start = Mixture.from_parameters(np.full(5, 0.2), rows[:5], np.tile(np.eye(2), (5, 1, 1)))
    animation = EMAnimation(trace_em(rows, start, 1), rows)
    assert len(animation.rows) == MOST_ROWS
    assert 41 * len(animation._repr_html_()) / 4 < 3e6  # the first frame is in it twice


def test_features_are_chosen_by_name():
    rows = np.column_stack([np.zeros(len(ROWS)) + np.arange(len(ROWS)) % 7, ROWS])
    names = ["day", "eruptions", "waiting"]
    start = Mixture.from_parameters([0.5, 0.5], rows[[0, 1]], np.tile(np.cov(rows.T), (2, 1, 1)), feature_names=names)
    trace = trace_em(rows, start, 2)
    animation = EMAnimation(trace, rows, features=("waiting", "day"))
    axes = drawn(animation, 3)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("waiting", "day")
    np.testing.assert_array_equal(axes.collections[0].get_offsets(), rows[:, [2, 0]])
    np.testing.assert_allclose(animation.responsibilities[1], trace.mixtures[1].responsibilities(rows))


def test_what_cannot_be_drawn_is_refused(trace, animation, tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.gif or \.html, got .*em\.mp4"):
        animation.save(tmp_path / "em.mp4")
    with pytest.raises(ValueError, match="frame must be 0 to 6, got 7"):
        animation.draw(7)
    with pytest.raises(ValueError, match="features must be two"):
        EMAnimation(trace, ROWS, features=(0,))
    with pytest.raises(ValueError, match="X must have the shape"):
        EMAnimation(trace, ROWS[:, :1])
    line = trace_em(ROWS[:, :1], Mixture.from_parameters([1.0], [[3.0]], [1.0], covariance_type="spherical"), 1)
    with pytest.raises(ValueError, match="one feature"):
        EMAnimation(line, ROWS[:, :1])
