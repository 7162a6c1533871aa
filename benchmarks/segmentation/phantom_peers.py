"""Peers of the phantom benchmark, which return labels and probabilities from an image, its mask and the voxel size."""

import time
from collections.abc import Callable

import numpy as np

Found = tuple[np.ndarray, np.ndarray]


def atropos(image: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...], strength: float) -> Found:
    import ants

    volume = ants.from_numpy(np.ascontiguousarray(image[..., 0], dtype=np.float32), spacing=spacing)
    inside = ants.from_numpy(mask.astype(np.float32), spacing=spacing)
    found = ants.atropos(a=volume, x=inside, i="Kmeans[3]", m=f"[{strength},1x1x1]", c="[5,0]")
    labels = found["segmentation"].numpy().astype(int)[mask] - 1
    return labels, np.stack([each.numpy()[mask] for each in found["probabilityimages"]], axis=1)


def nipy(image: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...]) -> Found:
    from nipy.algorithms.segmentation import BrainT1Segmentation

    found = BrainT1Segmentation(image[..., 0].astype(float), mask=mask, model="3k", beta=0.5)
    return found.label[mask].astype(int) - 1, found.ppm[mask]


def dipy(image: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...]) -> Found:
    from dipy.segment.tissue import TissueClassifierHMRF

    _, labels, maps = TissueClassifierHMRF(verbose=False).classify(np.where(mask, image[..., 0], 0.0), 3, 0.1)
    return np.asarray(labels)[mask].astype(int) - 1, np.asarray(maps)[mask]


def sklearn_mixture(image: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...]) -> Found:
    from sklearn.mixture import GaussianMixture

    rows = image[mask]
    model = GaussianMixture(3, random_state=0, max_iter=300).fit(rows)
    maps = model.predict_proba(rows)[:, np.argsort(model.means_[:, 0])]
    return maps.argmax(axis=1), maps


PEERS: dict[str, Callable[[np.ndarray, np.ndarray, tuple[float, ...]], Found]] = {
    "Atropos 0": lambda *given: atropos(*given, 0),
    "Atropos 0.1": lambda *given: atropos(*given, 0.1),
    "Atropos 0.3": lambda *given: atropos(*given, 0.3),
    "nipy": nipy,
    "DIPY": dipy,
    "sklearn": sklearn_mixture,
}


def run_peer(
    name: str, image: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return labels from 0 in order of brightness, maps (n, 3), and the seconds."""
    start = time.perf_counter()
    labels, maps = PEERS[name](image, mask, spacing)
    return labels, maps, time.perf_counter() - start
