"""Peers of the phantom benchmark: each takes an image, its mask and the voxel size; returns labels and probabilities."""

import time

import numpy as np


def atropos(image, mask, spacing, strength):
    import ants

    volume = ants.from_numpy(np.ascontiguousarray(image[..., 0], dtype=np.float32), spacing=spacing)
    inside = ants.from_numpy(mask.astype(np.float32), spacing=spacing)
    found = ants.atropos(a=volume, x=inside, i="Kmeans[3]", m=f"[{strength},1x1x1]", c="[5,0]")
    labels = found["segmentation"].numpy().astype(int)[mask] - 1
    maps = np.stack([map_.numpy()[mask] for map_ in found["probabilityimages"]], axis=1)
    return labels, maps


def nipy(image, mask, spacing):
    from nipy.algorithms.segmentation import BrainT1Segmentation

    found = BrainT1Segmentation(image[..., 0].astype(float), mask=mask, model="3k", beta=0.5)
    return found.label[mask].astype(int) - 1, found.ppm[mask]


def dipy(image, mask, spacing):
    from dipy.segment.tissue import TissueClassifierHMRF

    _, final, maps = TissueClassifierHMRF(verbose=False).classify(np.where(mask, image[..., 0], 0.0), 3, 0.1)
    return np.asarray(final)[mask].astype(int) - 1, np.asarray(maps)[mask]


def sklearn_mixture(image, mask, spacing):
    from sklearn.mixture import GaussianMixture

    rows = image[mask]
    model = GaussianMixture(3, random_state=0, max_iter=300).fit(rows)
    order = np.argsort(model.means_[:, 0])
    maps = model.predict_proba(rows)[:, order]
    return maps.argmax(axis=1), maps


PEERS = {
    "Atropos 0": lambda *given: atropos(*given, 0),
    "Atropos 0.1": lambda *given: atropos(*given, 0.1),
    "Atropos 0.3": lambda *given: atropos(*given, 0.3),
    "nipy": nipy,
    "DIPY": dipy,
    "sklearn": sklearn_mixture,
}


def run_peer(name, image, mask, spacing):
    """Labels from 0 in order of brightness, maps (n, 3) or None, and the seconds."""
    start = time.perf_counter()
    labels, maps = PEERS[name](image, mask, spacing)
    return labels, maps, time.perf_counter() - start
