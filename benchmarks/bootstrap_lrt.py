"""The bootstrap likelihood ratio test on the diabetes table, compared with mclust's mclustBootstrapLRT.

Claim: `likelihood_ratio_test` reproduces mclust's decisions, and with mclust's fits its statistics; and its draws are
at least as high as those of the estimator's full search. If the alternative fit of a draw is not at its optimum, the
p-value is too small.

Method: full covariances (VVV), 1 against 2 components, 2 against 3, 3 against 4. The published statistics are those of
mclust 6. "its fits" uses mclust's own fits for null and alternative: the statistics agree within 0.1, because the
likelihood that mclust reports is from before its last step. mclust starts once and stops early, so there are better
optima; "best" uses the best that this package finds. Both programs run here if R and mclust are installed; times are
processor times. The last line of each test compares the draws with those of `GaussianMixture` with its default search,
on the same tables.

    python benchmarks/bootstrap_lrt.py diabetes.csv

The table is that of Reaven and Miller (1979) in mclust: columns glucose, insulin, sspg, 145 rows.
"""

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from machine import describe_machine, print_machine

from gaussmix import GaussianMixture, Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.refit import refit, stream
from gaussmix.inference import LikelihoodRatioTest, likelihood_ratio_test
from gaussmix.inference.alternative_fits import fit_one_more
from gaussmix.inference.refitting import Fitted

COLUMNS = ("glucose", "insulin", "sspg")
PUBLISHED = (361.17, 123.50, 16.76)
REJECTED = (True, True, False)
LEVEL = 0.05
LAST_STEP = 0.1
SEARCHED = 40  # draws on which the searches are compared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--draws", type=int, default=999)
    parser.add_argument("--peer-draws", type=int, default=99, help="of mclust, which takes longer")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = _read(arguments.table)
    fits, peer = _run_mclust(rows, arguments.peer_draws)
    wrong = []
    print(f"{'':20}{'published':>10}{'its fits':>15}{'p':>8}{'best':>10}{'p':>8}{'ms a draw':>11}{'mclust p':>10}")
    for k, (published, rejected) in enumerate(zip(PUBLISHED, REJECTED, strict=True), start=1):
        began = time.process_time()
        best = likelihood_ratio_test(rows, k, n_draws=arguments.draws, random_state=0)
        took = (time.process_time() - began) / arguments.draws
        line = f"{f'{k} against {k + 1}':20}{published:10.2f}"
        tests: list[LikelihoodRatioTest] = [best]
        if fits:
            same = likelihood_ratio_test(rows, fits[k - 1], fits[k], n_draws=arguments.draws, random_state=0)
            tests.append(same)
            line += f"{same.statistic:15.2f}{same.p_value:8.3f}"
            if abs(same.statistic - published) > LAST_STEP:
                wrong.append(f"{k} against {k + 1}: the statistic is not the published one")
        else:
            line += f"{'-':>15}{'-':>8}"
        line += f"{best.statistic:10.2f}{best.p_value:8.3f}{1e3 * took:11.1f}"
        print(line + (f"{peer[1][k - 1]:10.3f}" if peer else f"{'-':>10}"), flush=True)
        if any((test.p_value <= LEVEL) != rejected for test in tests):
            wrong.append(f"{k} against {k + 1}: the decision differs from that of mclust")
        print(f"{'':20}by chance: median {np.median(best.draws):.1f}, 95 % below {np.quantile(best.draws, 0.95):.1f}")
        _compare_with_search(rows, k)
    if peer:
        print(f"mclust: {1e3 * peer[0] / arguments.peer_draws:.0f} ms a draw, all three tests together")
    print_machine(describe_machine())
    if wrong:
        sys.exit("; ".join(wrong))


def _compare_with_search(rows: FloatArray, k: int) -> None:
    """Compare the statistics of the draws with those that the estimator's search finds."""
    gm = GaussianMixture(k, random_state=0).fit(rows)
    fitted = Fitted.of(gm, rows, None)
    also = GaussianMixture(k + 1, random_state=0).fit(rows).mixture_
    ours, theirs = np.zeros(SEARCHED), np.zeros(SEARCHED)
    times = np.zeros(2)
    for at in range(SEARCHED):
        rng = stream(1, at)
        table = fitted.simulated(rng)
        null = refit(table, fitted.update, fitted.reduced)
        began = time.process_time()
        found = fit_one_more(table, null.mixture, fitted.update, rng, also)
        times[0] += time.process_time() - began
        ours[at] = 0.0 if found is None else 2 * (found.log_likelihood - null.log_likelihood)
        began = time.process_time()
        searched = GaussianMixture(k + 1, random_state=at).fit(table.values)
        times[1] += time.process_time() - began
        theirs[at] = 2 * (searched.score(table.values) * table.n_rows - null.log_likelihood)
    higher, lower = np.mean(ours > theirs + 0.05), np.mean(ours < theirs - 0.05)
    print(
        f"{'':20}and the default search: higher in {higher:.0%} of {SEARCHED} draws, lower in {lower:.0%}; on the "
        f"average {np.mean(ours):.1f} against {np.mean(theirs):.1f}, in {times[0] / times[1]:.2f} of its time"
    )


def _read(table: Path) -> FloatArray:
    with table.open(newline="", encoding="utf-8") as file:
        return np.array([[float(line[name]) for name in COLUMNS] for line in csv.DictReader(file)])


def _run_mclust(rows: FloatArray, n_draws: int) -> tuple[list[Mixture], tuple[float, list[float]] | None]:
    """Return the fits of mclust, and the seconds and p-values of its tests."""
    script = shutil.which("Rscript")
    if script is None:
        print("Rscript was not found, so mclust is left out")
        return [], None
    up_to, d = len(PUBLISHED) + 1, rows.shape[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savetxt(folder / "rows.csv", rows, delimiter=",", fmt="%.17g")
        command = [script, str(Path(__file__).with_name("bootstrap_lrt.R")), str(folder / "rows.csv")]
        done = subprocess.run(
            [*command, str(up_to), str(n_draws), name], check=True, capture_output=True, text=True
        ).stdout.split()
        fits = []
        for k in range(1, up_to + 1):
            numbers = np.fromfile(folder / f"fit{k}")
            weights, means, covariances = np.split(numbers, [k, k + k * d])
            fits.append(Mixture.from_parameters(weights, means.reshape(k, d), covariances.reshape(k, d, d)))
    values = [float(word) for word in done]
    return fits, (values[0], values[1 + len(PUBLISHED) :])


if __name__ == "__main__":
    main()
