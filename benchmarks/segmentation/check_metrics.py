"""Metrics compared with another implementation, on photographs segmented by people.

    python benchmarks/segmentation/check_metrics.py --data FOLDER --reference region_metrics.py [--images 20]

Claim: no value differs by more than 1e-9.

Method: the folder has ``bsds500_val``; the reference defines ``evaluate(seg, gts)`` and ``dice(a, b)``. The
segmentations are those of one person against the others, and quartiles of the gray values.
"""

import argparse
import importlib.util
import sys
import time
from pathlib import Path

import numpy as np

from gaussmix.imaging import read_picture
from gaussmix.imaging.metrics import (
    boundary_f,
    covering,
    dice,
    probabilistic_rand_index,
    variation_of_information,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--images", type=int, default=20)
    options = parser.parse_args()
    spec = importlib.util.spec_from_file_location("reference", options.reference)
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)

    folder = options.data / "bsds500_val"
    with np.load(folder / "groundtruth.npz") as truths:
        differences, times = [], []
        for name in sorted(truths.keys())[: options.images]:
            people = truths[name]
            gray = read_picture(folder / "images" / f"{name}.jpg").pixels.mean(axis=-1)
            quartiles = np.searchsorted(np.quantile(gray, [0.25, 0.5, 0.75]), gray)
            for labels, others in ((people[0], people[1:]), (quartiles, people)):
                began = time.perf_counter()
                ours = [
                    metric(labels, others) for metric in (probabilistic_rand_index, variation_of_information, covering)
                ]
                ours += list(dice(labels, others[0]))[1:3]
                middle = time.perf_counter()
                found = reference.evaluate(labels, others)
                theirs = [found["pri"], found["voi"], found["cov_num"] / found["cov_den"]]
                theirs += [reference.dice(labels == value, others[0] == value) for value in (1, 2)]
                end = time.perf_counter()
                f = boundary_f(labels, others)
                times.append((middle - began, end - middle, time.perf_counter() - end))
                differences.append(np.nan_to_num(np.abs(np.array(ours) - theirs)))
                who = "a person" if labels is not quartiles else "quartiles"
                print(f"{name:>8} {who:>10}  " + "  ".join(f"{value:.4f}" for value in (*ours[:3], f)))
    worst = np.max(differences, axis=0)
    print("greatest difference: " + ", ".join(
        f"{name} {value:.1e}" for name, value in zip(("PRI", "VoI", "covering", "Dice", "Dice"), worst, strict=True)
    ))  # fmt: skip
    ours, theirs, boundaries = np.mean(times, axis=0)
    print(f"seconds per comparison: {ours:.3f}, reference {theirs:.3f}; boundary F {boundaries:.3f}")
    sys.exit(worst.max() > 1e-9)


if __name__ == "__main__":
    main()
