"""Time and memory of pictures larger than the memory: a GeoTIFF, fitted to a sample of tiles and labeled tile by tile.

Claim: a GeoTIFF of 20,000 x 20,000 pixels in three bands (1.2 GB) is fitted and labeled, with neighbors, k=5, in less
than 1.5 GB of memory and 60 s on two cores. The memory does not grow with the picture.

Method: the script makes the file itself: fields of five covers with noise, a corner without data, in deflated tiles of
256 x 256 pixels with a coordinate system. Each row of the table is a new process; the time is that of `segment_file`,
wall and processor, and the memory the peak of the process with its imports. The labels are compared with the covers,
and a window of them with the labels of that window of the picture in memory. Only as many processors as ``--cores`` are
used. ``--quick`` takes 4,000 x 4,000 pixels.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

TILE, FIELD, CORNER = 256, 64, 2048
NOISE = 12.0
COVERS = np.array([[38, 62, 92], [58, 104, 52], [152, 132, 98], [108, 102, 114], [218, 226, 232]], dtype=np.float32)
ROWS = [("without neighbors", 20000), ("with neighbors", 10000), ("with neighbors", 20000)]
LIMITS = {("with neighbors", 20000): (60.0, 1500)}  # seconds, MB
MEGABYTE = 1e6


def covers(size: int) -> np.ndarray:
    """Return the cover of each field."""
    return np.random.default_rng(1).integers(0, len(COVERS), [-(-size // FIELD)] * 2, dtype=np.uint8)


def truth_of(fields: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """Return the covers of a window."""
    return fields[np.ix_(np.arange(rows.start, rows.stop) // FIELD, np.arange(columns.start, columns.stop) // FIELD)]


def tiles(size: int) -> Iterator[np.ndarray]:
    rng, fields = np.random.default_rng(0), covers(size)
    noise = np.rint(rng.normal(0, NOISE, (1 << 22, 3))).astype(np.int16)
    for top in range(0, size, TILE):
        for left in range(0, size, TILE):
            bottom, right = min(top + TILE, size), min(left + TILE, size)
            clean = COVERS[truth_of(fields, slice(top, bottom), slice(left, right))].astype(np.int16)
            start = int(rng.integers(0, len(noise) - TILE * TILE))
            pixels = clean + noise[start : start + clean[..., 0].size].reshape(clean.shape)
            if top < CORNER and left < CORNER:
                pixels[:] = 0
            yield pixels.clip(0, 255).astype(np.uint8)


def make(path: Path, size: int) -> None:
    import tifffile

    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32632)  # UTM zone 32, north
    tags = [(33550, 12, 3, (10.0, 10.0, 0.0), True), (33922, 12, 6, (0.0, 0.0, 0.0, 4e5, 5.3e6, 0.0), True),
            (34735, 3, len(keys), keys, True), (42113, 2, 0, "0", True)]  # fmt: skip
    options = {"shape": (size, size, 3), "dtype": "uint8", "tile": (TILE, TILE), "photometric": "rgb"}
    options |= {"compression": "zlib", "compressionargs": {"level": 1}, "maxworkers": 1, "metadata": None}
    tifffile.imwrite(path, tiles(size), extratags=tags, bigtiff=True, **options)


def run(path: Path, how: str, size: int) -> dict[str, Any]:
    """Segment a file in this process."""
    from gaussmix.imaging import GaussianMixtureSegmenter, segment_file

    out = path.with_name(f"labels-{size}.tif")
    segmenter = GaussianMixtureSegmenter(5, smoothing="auto" if how == "with neighbors" else 0, random_state=0)
    began, busy = time.perf_counter(), time.process_time()
    result = segment_file(path, out, segmenter)
    seconds, processor = time.perf_counter() - began, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
    return {"seconds": seconds, "processor": processor, "peak": peak, **check(path, out, segmenter, size),
            "smoothing": segmenter.smoothing_, "visible": result.n_visible}  # fmt: skip


def check(path: Path, out: Path, segmenter: Any, size: int) -> dict[str, float]:
    """Compare labels with the covers, and with those of a window that is in memory."""
    import tifffile

    from gaussmix.imaging.files.band_files import open_windows
    from gaussmix.imaging.files.options import ReadOptions
    from gaussmix.imaging.segmentation import Segmentation

    labels, fields = tifffile.imread(out), covers(size)
    order = np.argsort(np.argsort(COVERS @ [0.299, 0.587, 0.114]))
    middle = size // 2 // 256 * 256
    part = slice(middle, middle + 1500)
    right = order[truth_of(fields, part, part)] == labels[part, part]
    with open_windows(path, ReadOptions()) as picture:
        whole = Segmentation.of(picture.read((part, part)), segmenter).labels
    inner = slice(100, 1400)
    return {"accuracy": float(right.mean()), "differences": int((whole != labels[part, part])[inner, inner].sum())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="4,000 x 4,000 pixels")
    parser.add_argument("--cores", type=int, default=2, help="processors to use")
    parser.add_argument("--folder", type=Path, help="where files are made and kept; by default they are removed")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        path, how, size = options.run
        print(json.dumps(run(Path(path), how, int(size))))
        return
    environment = os.environ | {"OMP_NUM_THREADS": str(options.cores)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        print(f"{'how':18}{'size':>7}{'seconds':>9}{'processor':>11}{'peak MB':>9}  accuracy  smoothing  differences")
        for how, size in [("without neighbors", 4000), ("with neighbors", 4000)] if options.quick else ROWS:
            path = folder / f"map-{size}.tif"
            if not path.exists():
                make(path, size)
            command = [sys.executable, __file__, "--run", str(path), how, str(size)]
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
            done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
            if done.returncode:
                print(f"{how:18}{size:7}  failed: {done.stderr.strip().splitlines()[-1]}")
                continue
            found = json.loads(done.stdout.splitlines()[-1])
            seconds, megabytes = LIMITS.get((how, size), (None, None))
            limits = "" if seconds is None else f"  < {seconds:g} s, < {megabytes} MB"
            print(
                f"{how:18}{size:7}{found['seconds']:9.1f}{found['processor']:11.1f}{found['peak']:9.0f}  "
                f"{found['accuracy']:8.4f}{found['smoothing']:11.2f}{found['differences']:13}{limits}"
            )


if __name__ == "__main__":
    main()
