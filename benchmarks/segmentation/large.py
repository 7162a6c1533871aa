"""Time and memory of large images: photographs of 12 and of 268 megapixels, and a volume of 512^3 voxels.

Claim: 12 megapixels of 8-bit RGB, k=5, are fitted and labeled in less than 1.5 s and 600 MB without neighbors, and in
less than 8 s with; 512^3 voxels of uint16, k=4, with neighbors, in less than 120 s and 3 GB. Those voxels, and 16,384 x
16,384 pixels, take less than 2 GB.

Method: each row is one new process; the time is that of ``fit_predict``, and the memory the peak of the process,
including imports, pixels and labels. The photograph is scikit-learn's china.jpg, enlarged, with normal noise of 1.5
levels; the large one is made of copies with different noise. The volume has four classes in nested balls, means 4,000
apart, noise of 2,000. ``--peers`` adds scikit-learn's recipe (a mixture of all pixels, reshaped, with its defaults) for
the photograph and a volume of 128^3, and antspyx's Atropos and nipy for that volume; none of them takes longer than the
limit.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

MEGABYTE = 1 << 20
TARGETS = {  # seconds, MB
    ("photo", "without neighbors"): (1.5, 600),
    ("photo", "with neighbors"): (8.0, None),
    ("volume", "with neighbors"): (120.0, 2048),
    ("gigapixel", "without neighbors"): (None, 2048),
    ("gigapixel", "with neighbors"): (None, 2048),
}
ROWS = [
    ("photo", "without neighbors", 12),
    ("photo", "with neighbors", 12),
    ("photo", "strength 1", 12),
    ("volume", "without neighbors", 512),
    ("volume", "with neighbors", 512),
    ("gigapixel", "without neighbors", 16384),
    ("gigapixel", "with neighbors", 16384),
]
PEERS = [
    ("photo", "scikit-learn", 12),
    ("volume", "scikit-learn", 128),
    ("volume", "Atropos", 128),
    ("volume", "nipy", 128),
    ("volume", "with neighbors", 128),
]
SMOOTHING = {"without neighbors": 0, "with neighbors": "auto", "strength 1": 1.0}


def photo(height: int, width: int) -> np.ndarray:
    """Enlarge by repeating and smoothing, and add sensor noise."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_sample_image

    small = load_sample_image("china.jpg")
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    rng = np.random.default_rng(0)
    scale = (height / small.shape[0], width / small.shape[1])
    large = zoom(small, (*scale, 1), order=1)
    for start in range(0, height, 256):
        part = large[start : start + 256]
        noisy = part + 1.5 * rng.standard_normal(part.shape, dtype=np.float32)
        pixels[start : start + 256] = np.clip(np.rint(noisy), 0, 255)
    return pixels


def gigapixel(size: int) -> np.ndarray:
    tile = photo(1024, 1024)
    pixels = np.empty((size, size, 3), dtype=np.uint8)
    rng = np.random.default_rng(1)
    for top in range(0, size, 1024):
        for left in range(0, size, 1024):
            noise = rng.integers(-2, 3, tile.shape, dtype=np.int16)
            pixels[top : top + 1024, left : left + 1024] = np.clip(tile + noise, 0, 255)
    return pixels


def volume(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return voxels and their classes."""
    rng = np.random.default_rng(0)
    voxels = np.empty((size,) * 3, dtype=np.uint16)
    truth = np.empty((size,) * 3, dtype=np.uint8)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    for number, z in enumerate(axis):
        radius = np.sqrt(z**2 + axis[:, None] ** 2 + axis**2)
        truth[number] = np.searchsorted([0.4, 0.7, 0.95], radius.ravel()).reshape(radius.shape)
        clean = 10_000 + 4_000 * truth[number].astype(np.float32)
        voxels[number] = clean + 2_000 * rng.standard_normal(clean.shape, dtype=np.float32)
    return voxels, truth


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def run(kind: str, how: str, size: int) -> dict[str, Any]:
    """Run in a new process."""
    truth = None
    if kind == "photo":
        image, k = photo(3000, 4000), 5
    elif kind == "gigapixel":
        image, k = gigapixel(size), 5
    else:
        (image, truth), k = volume(size), 4
    before = peak()
    began = time.perf_counter()
    labels, extra = segment(image, k, how)
    seconds = time.perf_counter() - began
    accuracy = None if truth is None else float(np.mean(match(labels, truth) == truth))
    return {"seconds": seconds, "peak": peak(), "before": before, "accuracy": accuracy, "extra": extra}


def match(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Renumber labels to match the true classes, by the greatest overlap."""
    table = np.bincount(labels.ravel().astype(np.int64) * 4 + truth.ravel(), minlength=1024).reshape(-1, 4)
    return table.argmax(axis=1).astype(np.uint8)[labels]


def segment(image: np.ndarray, k: int, how: str) -> tuple[np.ndarray, str]:
    if how in SMOOTHING:
        from gaussmix.imaging import GaussianMixtureSegmenter

        segmenter = GaussianMixtureSegmenter(k, smoothing=SMOOTHING[how], random_state=0)
        labels = segmenter.fit_predict(image)
        return labels, f"strength {segmenter.smoothing_:.2f}"
    if how == "scikit-learn":
        from sklearn.mixture import GaussianMixture

        rows = image.reshape(-1, 3 if image.shape[-1] == 3 else 1).astype(np.float64)
        model = GaussianMixture(k, random_state=0)
        return model.fit_predict(rows).reshape(image.shape[:-1] if image.shape[-1] == 3 else image.shape), ""
    if how == "Atropos":
        import ants

        whole = ants.from_numpy(image.astype(np.float32))
        mask = ants.from_numpy(np.ones(image.shape, dtype=np.float32))
        found = ants.atropos(a=whole, x=mask, i=f"Kmeans[{k}]", m="[0.3,1x1x1]", c="[5,0]")
        return found["segmentation"].numpy().astype(np.uint8), ""
    from nipy.algorithms.segmentation import Segmentation

    data = image.astype(np.float64)
    quantiles = np.quantile(data[::8, ::8, ::8], (np.arange(k) + 0.5) / k)
    found = Segmentation(
        data[..., None],
        mask=np.ones(image.shape, bool),
        mu=quantiles[:, None],
        sigma=np.full((k, 1, 1), data.var() / k**2),
        ngb_size=6,
        beta=0.5,
    )
    found.run(niters=25)
    return found.map().astype(np.uint8) if hasattr(found, "map") else found.ppm.argmax(axis=-1).astype(np.uint8), ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--only", help="only rows whose name contains this")
    parser.add_argument("--limit", type=float, default=900, help="seconds for each process")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        kind, how, size = options.run
        print(json.dumps(run(kind, how, int(size))))
        return
    print(f"{'image':12}{'size':>7}  {'how':20}{'seconds':>9}{'peak MB':>9}{'before':>8}  {'accuracy':9}")
    for kind, how, size in ROWS + PEERS * options.peers:
        if options.only and options.only not in f"{kind} {how}":
            continue
        command = [sys.executable, __file__, "--run", kind, how, str(size)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=options.limit)
        except subprocess.TimeoutExpired:
            print(f"{kind:12}{size:>7}  {how:20}  more than {options.limit:g} s")
            continue
        except subprocess.CalledProcessError as error:
            print(f"{kind:12}{size:>7}  {how:20}  failed: {error.stderr.strip().splitlines()[-1]}")
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        accuracy = "" if found["accuracy"] is None else f"{found['accuracy']:.4f}"
        seconds, megabytes = TARGETS.get((kind, how), (None, None)) if size != 128 else (None, None)
        targets = ["" if seconds is None else f"< {seconds:g} s", "" if megabytes is None else f"< {megabytes} MB"]
        print(
            f"{kind:12}{size:>7}  {how:20}{found['seconds']:9.2f}{found['peak']:9.0f}{found['before']:8.0f}  "
            f"{accuracy:9}{found['extra']:15}{', '.join(filter(None, targets))}"
        )


if __name__ == "__main__":
    main()
