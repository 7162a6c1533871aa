"""Time and peak memory of fitting and labeling a 12-megapixel photograph.

Claim: an 8-bit RGB photograph of 4000 x 3000 pixels is fitted to convergence and labeled in less than 1.5 s, in less
than 600 MB in all, with the labels and the likelihood of a fit that passes over every pixel. The fit is
GaussianMixture(5) with full covariances and one k-means start with scikit-learn's settings.

Method: scikit-learn's china.jpg (640 x 427) is enlarged by bicubic interpolation; seeded normal noise of 1.5 levels
stands for the sensor, so that the number of colors, which is printed, is that of a photograph. A new process imports
gaussmix, reads the pixels and calls ``fit_predict``: the time is that of the call alone, the best of three processes;
the memory is the peak of the process, including imports, pixels and labels. A second process passes over every pixel:
its time and memory are those of the same call without looking for distinct rows, and its labels and mean log-likelihood
are compared. ``--sklearn`` adds scikit-learn's fit in one more process (minutes), from its own k-means: its likelihood
may be that of another optimum.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from memory import MEGABYTE, peak_bytes

WIDTH, HEIGHT = 4000, 3000
SETTINGS = {"init_params": "kmeans", "tol": 1e-3, "reg_covar": 1e-6, "max_iter": 100}  # scikit-learn's defaults
N_COMPONENTS = 5
NOISE = 1.5  # levels of 256
PROCESSES = 3
PHOTO = "photo"


def write_photo(path: Path) -> int:
    """Write the pixels as (n, 3) uint8; return the number of distinct colors."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    small = Image.fromarray(load_sample_image("china.jpg"))
    pixels = np.asarray(small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)).reshape(-1, 3).astype(np.float32)
    pixels += NOISE * np.random.default_rng(0).standard_normal(pixels.shape, dtype=np.float32)
    rows = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    np.save(path, rows)
    return len(np.unique(rows @ np.array([1 << 16, 1 << 8, 1])))


def fit_in_this_process(name: str, folder: Path) -> dict[str, Any]:
    """Fit and label the pixels and write the labels, in the new process."""
    if name == "scikit-learn":
        from sklearn.mixture import GaussianMixture
    else:
        from gaussmix import GaussianMixture
    if name == "every pixel":
        import gaussmix.fitting.fit_mixture as module

        module.distinct_rows = lambda rows: None
        module.NativeEngine.rough_helps = property(lambda _: False, lambda *_: None)  # as for the weighted colors
    rows = np.load(folder / "pixels.npy")
    before = peak_bytes()
    marks = []
    options = {}
    if name != "scikit-learn":  # its settings, and the time of every pass
        options = {"callback": lambda _: marks.append(time.perf_counter()), "acceleration": "none", **SETTINGS}
    model = GaussianMixture(N_COMPONENTS, random_state=0, **options)
    began = time.perf_counter()
    labels = model.fit_predict(rows)
    ended = time.perf_counter()
    peak = peak_bytes()
    np.save(folder / f"labels of {name}.npy", labels.astype(np.uint8))
    parts = (
        {"start": marks[0] - began, "iterations": marks[-1] - marks[0], "labels": ended - marks[-1]} if marks else {}
    )
    return {
        "seconds": ended - began,
        "parts": parts,
        "before": before,
        "peak": peak,
        "iterations": model.n_iter_,
        "converged": model.converged_,
        "lower_bound": model.lower_bound_,
    }


def in_fresh_process(name: str, folder: Path) -> Any:
    command = [sys.executable, __file__, "--run", name, "--folder", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"{name} failed with status {run.returncode}:\n{run.stderr}")
    return json.loads(run.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sklearn", action="store_true", help="also time scikit-learn's fit (minutes)")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run == PHOTO:
        print(write_photo(options.folder / "pixels.npy"))
        return
    if options.run:
        print(json.dumps(fit_in_this_process(options.run, options.folder)))
        return

    warn_when_unfair()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_colors = in_fresh_process(PHOTO, folder)  # the memory of this process would count in the peak of its children
        print(f"{WIDTH} x {HEIGHT} pixels, {n_colors:,} colors, k={N_COMPONENTS}, full covariances")
        runs = ["distinct colors"] * PROCESSES + ["every pixel"] * PROCESSES + ["scikit-learn"] * options.sklearn
        results: dict[str, dict[str, Any]] = {}
        for run in runs:
            found = in_fresh_process(run, folder)
            if run not in results or found["seconds"] < results[run]["seconds"]:
                results[run] = found
        labels = {run: np.load(folder / f"labels of {run}.npy") for run in results}

    print(
        f"{'':17}{'seconds':>9}{'to 1st pass':>13}{'iterations':>17}{'labels':>9}{'peak MB':>9}{'before':>8}  converged"
    )
    for run, found in results.items():
        parts = found["parts"] or dict.fromkeys(("start", "iterations", "labels"), float("nan"))
        print(
            f"{run:17}{found['seconds']:9.2f}{parts['start']:13.2f}"
            f"{parts['iterations']:9.2f} ({found['iterations']:>3}x){parts['labels']:10.2f}"
            f"{found['peak'] / MEGABYTE:9.0f}{found['before'] / MEGABYTE:8.0f}  {found['converged']}"
        )
    ours, plain = results["distinct colors"], results["every pixel"]
    print(
        f"\nlabels that differ from those of a fit of every pixel: {(labels[runs[0]] != labels['every pixel']).sum()}; "
        f"difference of the mean log-likelihoods: {abs(ours['lower_bound'] - plain['lower_bound']):.1e}"
    )
    for run, found in results.items():
        print(f"mean log-likelihood, {run}: {found['lower_bound']:.12f}")
    machine = describe_machine()
    print()
    print_machine(machine)
    write_results("photo", {"machine": machine, "colors": n_colors, "fits": results})


if __name__ == "__main__":
    main()
