"""ONNX graphs of 56 models beside gaussmix and skl2onnx: labels that differ, and errors of log densities.

Claim: in double precision, labels are equal and log densities agree to 1e-9 relative, also with offsets of 1e6 standard
deviations. Exit code 1 if not. In single precision the share of labels that differ is printed, no more: the rows
themselves are rounded, at offset 1e6 to a sixteenth of a standard deviation.

Method: models of all fourteen structures with 3 components in 4 features, 1 in 3, 3 in 1 and 4 in 30, at offsets 0,
1e2, 1e4 and 1e6; rows drawn from each. onnxruntime runs the graph of `gaussmix.convert.to_onnx` in both precisions, and
that which skl2onnx makes of `to_sklearn`, where it is installed. The reference is `Mixture.labels` and
`Mixture.log_density` of the rows in double precision. ``--quick`` uses a tenth of the rows.
"""

import argparse
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import onnxruntime
from machine import describe_machine, print_machine, write_results

from gaussmix import Mixture
from gaussmix.convert import to_onnx, to_sklearn
from gaussmix.core.covariance import MODELS
from gaussmix.testing import random_mixture

SIZES = ((3, 4), (1, 3), (3, 1), (4, 30))
OFFSETS = (0.0, 1e2, 1e4, 1e6)
N_ROWS = 10_000


def session_of(model: Any) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def by_gaussmix(mixture: Mixture, rows: np.ndarray, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    session = session_of(to_onnx(mixture, dtype))
    labels, log_density = session.run(["label", "log_density"], {"X": rows.astype(dtype)})
    return labels, log_density


def by_skl2onnx(mixture: Mixture, rows: np.ndarray, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    from skl2onnx import to_onnx as theirs

    session = session_of(theirs(to_sklearn(mixture), rows[:1].astype(dtype), options={"score_samples": True}))
    labels, _, log_density = session.run(None, {session.get_inputs()[0].name: rows.astype(dtype)})
    return labels.ravel(), log_density.ravel()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    n_rows = N_ROWS // 10 if parser.parse_args().quick else N_ROWS
    machine = describe_machine()
    print_machine(machine)
    peers = {"gaussmix": by_gaussmix} | ({"skl2onnx": by_skl2onnx} if find_spec("skl2onnx") else {})
    results: list[dict[str, Any]] = []
    print(f"\n{'graph':9} {'precision':9} {'offset':>8}  {'labels that differ':>18}  {'greatest relative error':>23}")
    for name, run in peers.items():
        for dtype in ("float64", "float32"):
            for offset in OFFSETS:
                flips, worst = compare(run, dtype, offset, n_rows)
                print(f"{name:9} {dtype:9} {offset:8g}  {flips:18.4%}  {worst:23.2g}")
                results.append({"graph": name, "dtype": dtype, "offset": offset, "flips": flips, "error": worst})
    write_results("onnx_precision", {"machine": machine, "results": results})
    exact = [line for line in results if line["graph"] == "gaussmix" and line["dtype"] == "float64"]
    return 0 if all(line["flips"] == 0 and line["error"] < 1e-9 for line in exact) else 1


def compare(run: Any, dtype: str, offset: float, n_rows: int) -> tuple[float, float]:
    """Return the share of labels that differ, and the greatest relative error of a log density."""
    differing, errors = [], []
    for seed, (structure, size) in enumerate((s, size) for s in MODELS.values() for size in SIZES):
        drawn = random_mixture(structure, *size, np.random.default_rng(seed))
        mixture = Mixture(drawn.weights, drawn.means + offset, drawn.covariance)
        rows, _ = mixture.sample(n_rows, seed)
        labels, log_density = run(mixture, rows, dtype)
        expected = mixture.log_density(rows)
        differing.append(np.mean(labels != mixture.labels(rows)))
        errors.append(np.max(np.abs(log_density - expected) / np.maximum(1.0, np.abs(expected))))
    return float(np.mean(differing)), float(np.max(errors))


if __name__ == "__main__":
    sys.exit(main())
