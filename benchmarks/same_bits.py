"""Compare two builds bit for bit: 64 fits of tables, searches, resampling and inference, and 8 segmentations.

Run it with one build and ``--save FILE``, then with another and ``--compare FILE``. Every array must be equal. Use it
for a change that must not change a result. Results of different instruction sets differ in the last digits.

    python benchmarks/same_bits.py --save before.npz
    python benchmarks/same_bits.py --compare before.npz
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_sample_image, load_wine

import gaussmix as gx
from gaussmix.datasets import load_old_faithful
from gaussmix.imaging import GaussianMixtureSegmenter

MODELS = ["EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"]


def clusters(seed: int, n: int, d: int, k: int, spread: float = 3.0, dtype: Any = np.float64) -> np.ndarray:
    """Return rows (n, d) of k normal clusters."""
    rng = np.random.default_rng(seed)
    centers, labels = rng.normal(scale=spread, size=(k, d)), rng.integers(k, size=n)
    turns = rng.normal(size=(k, d, d)) / np.sqrt(d) + np.eye(d)
    rows = centers[labels] + np.einsum("ni,nij->nj", rng.normal(size=(n, d)), turns[labels])
    return rows.astype(dtype)


def fits() -> Iterator[tuple[str, gx.GaussianMixture, np.ndarray, np.ndarray | None]]:
    """Return the name, estimator, rows and weights of each fit."""
    iris, wine = load_iris().data, load_wine().data
    geyser = load_old_faithful()[0]
    diabetes = np.column_stack([load_diabetes().data[:, [2, 3, 8]]])
    for model in MODELS:
        yield f"iris {model}", gx.GaussianMixture(3, covariance_type=model, random_state=0), iris, None
        yield f"geyser {model}", gx.GaussianMixture(3, covariance_type=model, random_state=1), geyser, None
    for name in ("full", "tied", "diag", "spherical"):
        yield f"wine {name}", gx.GaussianMixture(3, covariance_type=name, random_state=2), wine, None
        rows = clusters(3, 30_000, 4, 5)
        yield f"sampled {name}", gx.GaussianMixture(5, covariance_type=name, random_state=3), rows, None
        yield (
            f"single {name}",
            gx.GaussianMixture(4, covariance_type=name, random_state=4),
            clusters(4, 25_000, 3, 4, dtype=np.float32),
            None,
        )
    weights = np.random.default_rng(5).exponential(size=len(diabetes))
    weights[::7] = 0
    yield "weights", gx.GaussianMixture(3, random_state=5), diabetes, weights
    yield "many", gx.GaussianMixture(16, random_state=6), clusters(6, 4000, 2, 16, 8.0), None
    yield "turned", gx.GaussianMixture(4, covariance_type="VVE", random_state=6), clusters(7, 6000, 12, 4), None
    yield "medium", gx.GaussianMixture(4, random_state=7), clusters(8, 5000, 30, 4), None
    yield "packs", gx.GaussianMixture(3, random_state=8), clusters(9, 4000, 60, 3), None
    yield "wide", gx.GaussianMixture(2, random_state=9), clusters(10, 3000, 120, 2), None
    bytes_ = np.clip(clusters(11, 20_000, 3, 4, 40.0) + 128, 0, 255).astype(np.uint8)
    yield "bytes", gx.GaussianMixture(4, random_state=10), bytes_, None
    constant = np.column_stack([iris, np.ones(len(iris)), iris[:, 0] + iris[:, 1]])
    yield "constant", gx.GaussianMixture(3, random_state=11), constant, None
    yield "digits", gx.GaussianMixture(10, covariance_type="diag", random_state=12), load_digits().data, None
    yield "offset", gx.GaussianMixture(3, random_state=13), iris * 1e-6 + 1e3, None
    for name in ("kmeans", "k-means++", "random", "random_from_data"):
        yield f"start {name}", gx.GaussianMixture(3, init_params=name, n_init=2, random_state=14), iris, None
    plain = {"acceleration": "none", "tol": 1e-3, "max_iter": 100, "reg_covar": 1e-6, "random_state": 0}
    yield "plain", gx.GaussianMixture(3, **plain), iris, None
    for name in ("chen-tan", "inverse-wishart", 1e-3):
        yield f"regular {name}", gx.GaussianMixture(5, reg_covar=name, random_state=15), iris, None
    yield "too many", gx.GaussianMixture(9, random_state=16), iris[::3], None


def mixture_arrays(name: str, mixture: gx.Mixture) -> Iterator[tuple[str, np.ndarray]]:
    """Return the parameters of a mixture."""
    yield f"{name}: weights", mixture.weights
    yield f"{name}: means", mixture.means
    yield f"{name}: covariances", mixture.covariance.dense()


def table_results() -> Iterator[tuple[str, np.ndarray]]:
    """Return the results of fits, searches, resampling and inference."""
    for name, estimator, rows, weights in fits():
        estimator.fit(rows, sample_weight=weights)
        yield from mixture_arrays(name, estimator.mixture_)
        yield f"{name}: log-likelihoods", np.array(estimator.lower_bounds_)
        yield f"{name}: starts", estimator.start_log_likelihoods_
        yield f"{name}: labels", estimator.predict(rows)
        yield f"{name}: log density", estimator.score_samples(rows[:500])
        yield f"{name}: sample", estimator.sample(50, random_state=0)[0]
        yield f"{name}: BIC", np.array([estimator.bic(rows, weights), estimator.icl(rows, weights)])
    iris, geyser = load_iris().data, load_old_faithful()[0]
    for name, rows, most in (("iris", iris, 4), ("geyser", geyser, 5), ("one column", iris[:, 2:3], 4)):
        search = gx.GaussianMixtureIC(range(1, most + 1), random_state=0).fit(rows)
        yield f"search {name}: BIC", search.results_.bic
        yield from mixture_arrays(f"search {name}", search.best_estimator_.mixture_)
    gm = gx.GaussianMixture(2, random_state=0).fit(geyser)
    weights = np.random.default_rng(0).exponential(size=len(geyser))
    for kind in ("nonparametric", "weighted", "parametric"):
        yield f"bootstrap {kind}", gx.bootstrap(gm, geyser, kind=kind, n_draws=20, random_state=0).means
    for kind in ("observed", "opg", "sandwich"):
        yield f"errors {kind}", gx.standard_errors(gm, geyser, kind=kind).joint
    yield "errors weighted", gx.standard_errors(gm, geyser, weights).joint
    test = gx.likelihood_ratio_test(geyser, 1, n_draws=19, random_state=0)
    yield "test", np.append(test.draws, test.statistic)
    yield "stability", gx.stability(gm, geyser, n_draws=10, random_state=0).jaccard
    yield "left out", gx.cross_validated_log_likelihood(gm, geyser).log_density
    tree = gx.merge_components(gx.GaussianMixture(5, random_state=0).fit(geyser).mixture_, geyser)
    yield "merging", tree.affinities
    yield "trace", gx.trace_em(geyser, gm.mixture_, 5).bound


def picture_results() -> Iterator[tuple[str, np.ndarray]]:
    """Segment photographs in three color spaces, with and without neighbors, labels, bias fields and fractions."""
    china = load_sample_image("china.jpg")[::3, ::3]
    flower = load_sample_image("flower.jpg")[::4, ::4]
    hints = np.full(flower.shape[:2], -1)
    hints[40:60, 70:90], hints[:10, :10] = 1, 0
    rng = np.random.default_rng(0)
    truth = np.add.outer(np.add.outer(np.arange(12) // 6, np.arange(40) // 20), np.arange(40) // 10) % 3
    volume = truth + rng.normal(scale=0.3, size=truth.shape)
    ramp = np.exp(np.linspace(-0.3, 0.3, 40))
    cases = (
        ("rgb", GaussianMixtureSegmenter(4, random_state=0), china, {}),
        ("lab alone", GaussianMixtureSegmenter(5, color_space="lab", smoothing=0, random_state=0), china, {}),
        ("gray auto", GaussianMixtureSegmenter("auto", color_space="gray", random_state=0), china, {}),
        ("given", GaussianMixtureSegmenter(3, smoothing=1.0, contrast=True, random_state=0), flower, {}),
        ("hints", GaussianMixtureSegmenter(2, components_per_class=3, random_state=0), flower, {"labels": hints}),
        ("volume", GaussianMixtureSegmenter(3, n_neighbors=18, random_state=0), volume, {}),
        ("field", GaussianMixtureSegmenter(3, bias_field=True, random_state=0), (volume + 2) * ramp, {}),
        ("place", GaussianMixtureSegmenter(3, position=2.0, covariance_type="diag", random_state=0), flower, {}),
    )
    for name, segmenter, image, known in cases:
        labels = segmenter.fit(image, **known).predict(image, **known)
        yield f"{name}: labels", labels
        yield f"{name}: probabilities", segmenter.predict_proba(image, **known)
        yield from mixture_arrays(name, segmenter.mixture_)
        yield f"{name}: smoothing", np.array(segmenter.smoothing_)
        if name in ("volume", "field"):
            yield f"{name}: shares", segmenter.predict_fractions(image)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--save", metavar="FILE", help="write the arrays of this build")
    action.add_argument("--compare", metavar="FILE", help="compare this build with the arrays of another")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    results = {}
    for name, values in (*table_results(), *picture_results()):
        assert name not in results, name
        results[name] = np.asarray(values)
    if arguments.save:
        np.savez_compressed(arguments.save, **results)
        print(f"saved {len(results)} arrays")
        return 0
    with np.load(arguments.compare) as other:
        names = set(other.files)
        equal = [
            name for name in results if name in names and np.array_equal(results[name], other[name], equal_nan=True)
        ]
        for name in sorted(names ^ set(results)):
            print(f"only in one build: {name}")
        for name in sorted(names & set(results) - set(equal)):
            print(f"differs: {name}")
    print(f"{len(equal)} of {len(names | set(results))} arrays are equal")
    return 0 if len(equal) == len(names | set(results)) else 1


if __name__ == "__main__":
    sys.exit(main())
