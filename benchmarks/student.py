"""Time of t mixtures: one pass, compared with that of normal mixtures, and a whole fit, with other packages.

Claims: a pass of EM takes at most 1.25 times as long as that of a normal mixture; a whole fit takes at most a twentieth
of the time of tgmm's and of studenttmixture's, at the same or a higher likelihood.

Method of the passes: the seven shapes of problems.py, with rows of the benchmark (normal clusters) and a start that
plain EM has improved by a few steps. The passes take turns; the table shows the ratio of the least processor times of
one thread. ``pairs`` is the share of the pairs of a row and a component that have to be summed, of the normal mixture
and of the t mixture: heavier tails leave fewer pairs without a share, and that part of the work is not overhead.

Method of the fits: rows of tables that scikit-learn ships and of Old Faithful; defaults of gaussmix, and of the others
their defaults with five starts, or as many as the package allows; processor time, and the log-likelihood by gaussmix
of the parameters that each returns. Peers that are not installed are left out.

``--quick`` uses a tenth of the rows, fewer rounds and one table.
"""

import argparse
import time
import warnings
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from problems import LEAST_SHARE, Shape, choose_shapes, draw_problem

from gaussmix import Mixture, StudentMixture
from gaussmix.core.engines import NativeEngine
from gaussmix.core.typing import FloatArray
from gaussmix.datasets import load_old_faithful
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood

DEGREES = (5.0, 30.0)
STEPS = 3


def pair_share(mixture: Mixture, rows: FloatArray) -> float:
    return float((mixture.responsibilities(rows[:20_000]) >= LEAST_SHARE).mean())


def time_passes(shape: Shape, rounds: int) -> dict[str, Any]:
    """Return the least processor seconds of a pass, by degrees of freedom (infinite: a normal mixture)."""
    problem = draw_problem(shape)
    engine = NativeEngine(problem.rows)
    normal = fit_em(engine, MaximumLikelihood(), problem.truth, None, max_iter=STEPS).mixture
    heavy = {
        nu: normal.with_components(normal.weights, normal.means, normal.covariance, np.full(normal.n_components, nu))
        for nu in DEGREES
    }
    mixtures = {float("inf"): normal, **heavy}
    seconds: dict[float, list[float]] = {nu: [] for nu in mixtures}
    for _ in range(rounds):
        for nu, mixture in mixtures.items():
            whitened = mixture.whitened()
            began = time.process_time()
            engine.accumulate(whitened)
            seconds[nu].append(time.process_time() - began)
    return {
        "shape": str(shape),
        "seconds": {nu: min(values) for nu, values in seconds.items()},
        "pairs": {nu: pair_share(mixture, problem.rows) for nu, mixture in mixtures.items()},
    }


def print_passes(quick: bool) -> list[dict[str, Any]]:
    print("Milliseconds of a pass of a normal mixture, and the ratio to it of t mixtures (share of pairs)")
    print(
        f"{'rows x features':32}{'normal':>10}{'pairs':>7}"
        + "".join(f"{f'nu = {nu:g}':>10}{'pairs':>7}" for nu in DEGREES)
    )
    results = []
    for shape in choose_shapes(quick):
        found = time_passes(shape, 5 if quick else 9)
        results.append(found)
        base = found["seconds"][float("inf")]
        line = f"{shape!s:32}{1e3 * base:10.1f}{found['pairs'][float('inf')]:7.2f}"
        for nu in DEGREES:
            line += f"{found['seconds'][nu] / base:9.2f}x{found['pairs'][nu]:7.2f}"
        print(line, flush=True)
    return results


def tables(quick: bool) -> dict[str, tuple[FloatArray, int]]:
    from sklearn.datasets import load_iris, load_wine

    found = {"iris": (load_iris().data, 3)}
    if not quick:
        found["Old Faithful"] = (load_old_faithful()[0], 2)
        found["wine"] = (load_wine().data, 3)
    return found


def fit_ours(rows: FloatArray, k: int) -> Mixture:
    return StudentMixture(k, random_state=0).fit(rows).mixture_


def fit_tgmm(rows: FloatArray, k: int) -> Mixture:
    import torch
    from tgmm import StudentTMixture

    torch.set_default_dtype(torch.float64)
    model = StudentTMixture(n_components=k, n_init=5, tol=1e-8, random_state=0)
    model.fit(torch.as_tensor(rows))
    names = ("weights_", "means_", "covariances_", "dof_")
    weights, means, matrices, degrees = (getattr(model, name).detach().numpy() for name in names)
    return Mixture.from_parameters(weights, means, matrices, degrees_of_freedom=degrees)


def fit_studenttmixture(rows: FloatArray, k: int) -> Mixture:
    from studenttmixture import EMStudentMixture

    model = EMStudentMixture(n_components=k, fixed_df=False, n_init=5, max_iter=2000, tol=1e-6, random_state=0)
    model.fit(rows)
    matrices, degrees = np.moveaxis(model.scale, 2, 0), model.degrees_of_freedom
    return Mixture.from_parameters(model.mix_weights, model.location, matrices, degrees_of_freedom=degrees)


FITS = {"gaussmix": fit_ours, "tgmm": fit_tgmm, "studenttmixture": fit_studenttmixture}


def print_fits(quick: bool) -> list[dict[str, Any]]:
    print("\nWhole fits: processor seconds, and the log-likelihood that is reached")
    results = []
    warnings.simplefilter("ignore")
    for name, (rows, k) in tables(quick).items():
        for peer, fit in FITS.items():
            try:
                fit(rows, k)  # imports and compiles
                began = time.process_time()
                mixture = fit(rows, k)
                seconds = time.process_time() - began
            except ImportError:
                print(f"{peer} is not installed")
                continue
            value = float(mixture.log_density(rows).sum())
            results.append({"table": name, "peer": peer, "seconds": seconds, "log_likelihood": value})
            ours = results[-1] if peer == "gaussmix" else next(r for r in results if r["table"] == name)
            ratio = seconds / ours["seconds"]
            print(f"{name:16}{peer:18}{seconds:10.3f}{ratio:9.1f}x{value:14.4f}", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, fewer rounds, one table")
    parser.add_argument("--part", choices=("passes", "fits", "both"), default="both")
    options = parser.parse_args()
    warn_when_unfair()
    passes = print_passes(options.quick) if options.part != "fits" else []
    fits = print_fits(options.quick) if options.part != "passes" else []
    machine = describe_machine()
    print_machine(machine)
    write_results("student-quick" if options.quick else "student", {"machine": machine, "passes": passes, "fits": fits})


if __name__ == "__main__":
    main()
