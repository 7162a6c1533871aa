"""Conformance tests for covariance structures."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less

from gaussmix.core.covariance import AbstractConstrained, AbstractCovariance
from gaussmix.core.covariance.factor import refuse_factors
from gaussmix.core.covariance.full import Full
from gaussmix.core.forms import FORMS
from gaussmix.core.typing import FloatArray
from gaussmix.testing.letters import check_count_parameters, check_letters
from gaussmix.testing.random_models import SIZES, random_covariance


def check_covariance(structure: type[AbstractCovariance]) -> None:
    """Check that a covariance structure satisfies the contract of `AbstractCovariance`.

    Every method is compared with dense linear algebra on the matrices of ``dense``. ``maximize`` must give a higher
    expected log-likelihood than nearby structures. ``letters`` and ``count_parameters`` must agree with what the
    covariances share and in how many directions they vary.

    Parameters
    ----------
    structure : subclass of AbstractCovariance
        The structure; it need not be registered.

    Raises
    ------
    ValueError
        If the structure has factors: its scatter has a meaning together with its factors only, and these are not
        triangular. `check_factor_passes` checks its passes.
    """
    refuse_factors(structure, "check_covariance")
    for n_components, n_features in SIZES:
        rng = np.random.default_rng(n_components * 10 + n_features)
        covariance = random_covariance(structure, n_components, n_features, rng)
        _check_algebra(covariance, rng)
        check_letters(covariance)
        check_count_parameters(covariance, rng)
        _check_choices(covariance, rng)
        _check_units(covariance, rng)
        _check_merge_costs(covariance, rng)
        _check_constructors(covariance)
        _check_maximize(covariance, rng)
        _check_closure(covariance, rng)


def _check_closure(covariance: AbstractCovariance, rng: np.random.Generator) -> None:
    """Check that methods whose results need not keep the constraint of a structure do not return its class."""
    n_components, n_features = covariance.n_components, covariance.n_features
    root = np.tril(rng.standard_normal((n_features, n_features)))
    scales = np.diag(rng.uniform(0.5, 2.0, n_features))
    results = {
        "inflated": covariance.inflated(rng.random((n_components, n_features))),
        "rescale": covariance.rescale(scales if covariance.form == "diagonal" else root),
        "marginal": covariance.marginal(list(range(n_features))[::-1][: max(1, n_features - 1)]),
        "with_average": covariance.with_average(n_components - 1, rng.dirichlet(np.ones(n_components))),
    }
    for name, result in results.items():
        if type(result) is not type(covariance):
            continue
        maximized = _maximized_for(result)
        dense = result.dense()
        assert_allclose(
            maximized.dense(), dense, rtol=1e-6, atol=1e-6 * dense.max(),
            err_msg=f"{name}: the result does not satisfy the constraint of {type(covariance).__name__}; "
                    "return a structure without it, or derive from AbstractConstrained",
        )  # fmt: skip


def _maximized_for(covariance: AbstractCovariance) -> AbstractCovariance:
    """Return the M-step for rows that have exactly these covariances."""
    n_components, n_features = covariance.n_components, covariance.n_features
    form = FORMS[covariance.form]
    roots = covariance.dense_roots().transpose(0, 2, 1) * np.sqrt(float(n_features))
    scatter = form.total([form.scatter_of(rows, np.ones(n_features)) for rows in roots])
    counts = np.full(n_components, float(n_features))
    return type(covariance).identity(n_components, n_features).maximize(counts, scatter)


def _check_algebra(covariance: AbstractCovariance, rng: np.random.Generator) -> None:
    n_components, n_features = covariance.n_components, covariance.n_features
    dense = covariance.dense()
    assert dense.shape == (n_components, n_features, n_features)
    assert not covariance.roots.flags.writeable, "roots must be read-only"
    shape = covariance.root_shape(n_components, n_features)
    assert covariance.roots.shape == covariance.covariances.shape == covariance.precisions.shape == shape
    _, log_dets = np.linalg.slogdet(dense)
    assert_allclose(covariance.log_det(), -0.5 * log_dets, rtol=1e-12, atol=1e-12, err_msg="log_det")
    assert_allclose(covariance.variances(), np.diagonal(dense, axis1=1, axis2=2), rtol=1e-12, err_msg="variances")
    pivots = np.diagonal(np.linalg.cholesky(dense), axis1=1, axis2=2) ** 2
    assert_allclose(covariance.pivots(), pivots, rtol=1e-10, err_msg="pivots")
    for component in range(n_components):
        whitening = _dense_factor(covariance, component)
        assert_array_equal(whitening, np.triu(whitening), err_msg="factors must be upper triangular")
        identity = whitening.T @ dense[component] @ whitening
        assert_allclose(identity, np.eye(n_features), rtol=0, atol=1e-12, err_msg="factors do not whiten")
        noise = rng.standard_normal((7, n_features))
        colored = covariance.color(noise, component)
        each = covariance.color_each(np.tile(noise[0], (covariance.n_components, 1)))
        assert_allclose(each[component], colored[0], rtol=1e-14, atol=1e-14, err_msg="color_each")
        assert_allclose(colored @ whitening, noise, rtol=0, atol=1e-11, err_msg="color is not the inverse of factors")
    tied = covariance.form == "tied"
    rows = rng.standard_normal((n_components, n_features))
    common = covariance.common_basis()
    if common is not None:
        assert covariance.form == "full", "common_basis requires full factors"
        scales = common.scales if common.form == "diagonal" else common.scales[:, None]
        lengths = [np.linalg.norm(y, axis=1) for y in (rows @ common.basis * scales, covariance.whiten_each(rows))]
        assert_allclose(lengths[0], lengths[1], rtol=1e-9, err_msg="common_basis")
    assert_allclose(
        covariance.whiten_each(covariance.color_each(rows)), rows, rtol=0, atol=1e-11, err_msg="whiten_each"
    )
    inverses = np.linalg.inv(dense)
    traces = np.trace(inverses, axis1=1, axis2=2)
    assert_allclose(covariance.precision_traces(), traces, rtol=1e-9, err_msg="precision_traces")
    root = np.tril(rng.standard_normal((n_features, n_features)))
    whitened = covariance.whitened_scatter(root)
    trace = np.einsum("kii->", whitened) if whitened.ndim == 3 else np.trace(whitened) if tied else whitened.sum()
    expected = np.einsum("kde,ed->k", inverses, root @ root.T)
    assert_allclose(trace, expected[0] if tied else expected.sum(), rtol=1e-9, err_msg="whitened_scatter")
    weights = rng.dirichlet(np.ones(n_components))
    average = covariance.with_average(n_components - 1, weights)
    if isinstance(average, AbstractConstrained):
        assert average.is_kept(), "with_average"
    else:
        kept = np.arange(n_components) < n_components - 1
        assert_allclose(average.dense()[kept], dense[kept], rtol=1e-12, err_msg="with_average: others changed")
        pooled = np.einsum("k,kde->de", weights, dense)
        assert_allclose(average.dense()[-1], pooled, rtol=1e-9, atol=1e-12, err_msg="with_average")
    added = rng.random((n_components, n_features))
    inflated = covariance.inflated(added).dense()
    least = np.stack([np.diag(line) for line in added])
    if isinstance(covariance, AbstractConstrained):
        assert covariance.inflated(added).is_kept(), "inflated"
        assert_array_less(0, covariance.inflated(added).pivots(), err_msg="inflated")
    elif covariance.form in ("full", "diagonal"):
        assert_allclose(inflated, dense + least, rtol=1e-12, atol=1e-12, err_msg="inflated")
    else:
        equal = np.full_like(added, 0.5)
        assert_allclose(covariance.inflated(equal).dense(), dense + 0.5 * np.eye(n_features), rtol=1e-12, atol=1e-12)
    features = list(range(n_features))[::-1][: max(1, n_features - 1)]
    marginal = covariance.marginal(features)
    assert (marginal.n_components, marginal.n_features) == (n_components, len(features))
    assert_allclose(marginal.dense(), dense[:, features][:, :, features], rtol=1e-12, atol=1e-13, err_msg="marginal")


def _check_choices(covariance: AbstractCovariance, rng: np.random.Generator) -> None:
    """Check selection, concatenation, dense layouts and promotion of components."""
    structure, n_components, dense = type(covariance), covariance.n_components, covariance.dense()
    for some in (range(n_components)[::-1], [n_components - 1], rng.integers(0, n_components, n_components + 2)):
        part = covariance.take(some)
        assert type(part) is structure, "take"
        assert (part.n_components, part.n_features) == (len(some), covariance.n_features), "take"
        assert_array_equal(part.dense(), dense[np.asarray(some)], err_msg="take")
    if "E" in structure.letters:
        try:
            structure.concatenate([covariance, covariance])
        except ValueError:
            pass
        else:
            raise AssertionError("concatenate must refuse components with shared parameters")
    else:
        joined = structure.concatenate([covariance, covariance.take([0])])
        assert joined.n_components == n_components + 1, "concatenate"
        assert_array_equal(joined.dense(), np.concatenate([dense, dense[:1]]), err_msg="concatenate")
        other = random_covariance(structure, n_components, covariance.n_features, rng)
        both = structure.concatenate([covariance, other])
        if isinstance(both, AbstractConstrained):
            assert both.is_kept(), "letters without E, but components share something: concatenate"
    roots, factors = covariance.dense_roots(), covariance.dense_factors()
    assert_array_equal(roots, np.tril(roots), err_msg="dense_roots must be lower triangular")
    assert_allclose(roots @ roots.transpose(0, 2, 1), dense, rtol=1e-12, atol=1e-12, err_msg="dense_roots")
    assert_allclose(factors.transpose(0, 2, 1), np.linalg.inv(roots), rtol=1e-9, atol=1e-11, err_msg="dense_factors")
    assert_array_equal(structure.from_dense_roots(roots).roots, covariance.roots, err_msg="from_dense_roots")
    for rich in (structure, Full):
        same = covariance.promote_to(rich)
        assert type(same) is rich, "promote_to"
        assert_allclose(same.dense(), dense, rtol=1e-11, atol=1e-12, err_msg="promote_to")


def _check_units(covariance: AbstractCovariance, rng: np.random.Generator) -> None:
    """Check whitened rows, changes of units, and variances relative to a reference."""
    n_components, n_features, dense = covariance.n_components, covariance.n_features, covariance.dense()
    rows = rng.standard_normal((3 * n_features + 3, n_features)) @ rng.standard_normal((n_features, n_features))
    for component in range(n_components):
        whitened = rows @ _dense_factor(covariance, component)
        assert_allclose(covariance.whiten(rows, component), whitened, rtol=1e-12, atol=1e-12, err_msg="whiten")
    root = covariance.root_of_rows(rows)
    assert_array_equal(root, np.tril(root), err_msg="root_of_rows must be lower triangular")
    reference = _as_seen(covariance, rows.T @ rows)
    assert_allclose(root @ root.T, reference, rtol=1e-9, atol=1e-12, err_msg="root_of_rows")
    rescaled = covariance.rescale(root)
    scale = np.abs(reference).max()
    assert_allclose(rescaled.dense(), root @ dense @ root.T, rtol=1e-9, atol=1e-12 * scale, err_msg="rescale")
    if isinstance(rescaled, AbstractConstrained):
        assert rescaled.is_kept(), "rescale: the result does not satisfy the constraint; return a structure of `free`"
    weights = rng.dirichlet(np.ones(n_components))
    for target_root, target in ((None, np.einsum("k,kde->de", weights, dense)), (root, reference)):
        variances, whiten = covariance.relative_variances(weights, target_root)
        expected = np.sort(np.linalg.eigvals(np.linalg.solve(target, dense)).real, axis=1)
        assert_allclose(variances, expected, rtol=1e-6, err_msg="relative_variances")
        unit = whiten if whiten.ndim == 2 else np.diag(whiten)
        identity = unit.T @ target @ unit
        assert_allclose(identity, np.eye(n_features), rtol=0, atol=1e-7, err_msg="relative_variances: units")


def _check_merge_costs(covariance: AbstractCovariance, rng: np.random.Generator) -> None:
    """Check merge costs against Runnalls's upper bound from the determinants of the covariances."""
    first, second = np.triu_indices(covariance.n_components, 1)
    counts = rng.uniform(5.0, 50.0, covariance.n_components)
    shifts = rng.standard_normal((len(first), covariance.n_features))
    costs = covariance.merge_costs(first, second, counts, shifts)
    assert costs.shape == first.shape, "merge_costs"
    dense = covariance.dense()
    for cost, i, j, shift in zip(costs, first, second, shifts, strict=True):
        n = counts[i] + counts[j]
        between = counts[i] * counts[j] / n**2 * np.outer(shift, shift)
        if covariance.form == "tied":  # the common covariance is not that of the pair
            expected = 0.5 * n * np.trace(np.linalg.solve(dense[i], between))
        else:
            both = _as_seen(covariance, (counts[i] * dense[i] + counts[j] * dense[j]) / n + between)
            log_dets = [np.linalg.slogdet(matrix)[1] for matrix in (both, dense[i], dense[j])]
            expected = 0.5 * (n * log_dets[0] - counts[i] * log_dets[1] - counts[j] * log_dets[2])
        assert_allclose(cost, expected, rtol=1e-9, atol=1e-9, err_msg="merge_costs")


def _as_seen(covariance: AbstractCovariance, matrix: FloatArray) -> FloatArray:
    """Return the projection of a symmetric matrix onto the form of the structure."""
    match covariance.form:
        case "full" | "tied":
            return matrix
        case "diagonal":
            return np.diag(matrix.diagonal())
        case _:  # spherical
            return np.trace(matrix) / len(matrix) * np.eye(len(matrix))


def _check_constructors(covariance: AbstractCovariance) -> None:
    structure, sizes = type(covariance), (covariance.n_components, covariance.n_features)
    unit = structure.identity(*sizes)
    assert_array_equal(unit.dense(), np.tile(np.eye(sizes[1]), (sizes[0], 1, 1)), err_msg="identity")
    for again in (
        structure.from_covariances(covariance.covariances, *sizes),
        structure.from_precisions(covariance.precisions, *sizes),
    ):
        assert_allclose(again.dense(), covariance.dense(), rtol=1e-11, atol=1e-12, err_msg="from covariances")
    for build in (structure.from_covariances, structure.from_precisions):
        for bad in (-1.0, np.nan):
            try:
                build(np.full(structure.root_shape(*sizes), bad), *sizes)
            except ValueError:
                continue
            raise AssertionError(f"{build.__name__} accepts {bad} as a positive-definite matrix")


def _check_maximize(covariance: AbstractCovariance, rng: np.random.Generator) -> None:
    """Check that the M-step has a higher expected log-likelihood than structures near it."""
    n_components, n_features = covariance.n_components, covariance.n_features
    counts = rng.uniform(20.0, 30.0, n_components)
    rows = [rng.standard_normal((3 * n_features + 3, n_features)) * rng.uniform(0.5, 2, n_features) for _ in counts]
    raw = [counts[k] / len(part) * part.T @ part for k, part in enumerate(rows)]  # in the units of the data
    form, sums = FORMS[covariance.form], []
    for component, part in enumerate(rows):
        whitened = part @ _dense_factor(covariance, component)
        sums.append(form.scatter_of(whitened, np.full(len(part), counts[component] / len(part))))
    scatter = form.total(sums)
    best: AbstractCovariance = covariance.maximize(counts, scatter)

    def objective(candidate: AbstractCovariance) -> float:
        precisions = np.linalg.inv(candidate.dense())
        fit = sum(np.trace(precision @ matrix) for precision, matrix in zip(precisions, raw, strict=True))
        return float(counts @ candidate.log_det() - 0.5 * fit)

    top = objective(best)
    for _ in range(20):
        near = random_covariance(type(covariance), n_components, n_features, rng)
        blend = 0.97 * best.covariances + 0.03 * near.covariances
        if isinstance(covariance, AbstractConstrained):
            free = covariance.free.from_covariances(blend, n_components, n_features)
            other: AbstractCovariance = covariance.nearest(rng.uniform(1.0, 2.0, n_components), free.roots)
        else:
            other = type(covariance).from_covariances(blend, n_components, n_features)
        assert objective(other) < top, "maximize: a nearby structure has a higher likelihood"
    for scale in (0.95, 1.05):
        other = type(covariance).from_covariances(scale * best.covariances, n_components, n_features)
        assert objective(other) < top, "maximize: another scale has a higher likelihood"
    for ridge in (1e-6, 0.5, 1e6):
        ridged = covariance.maximize(counts, scatter, ridge)
        apart: AbstractCovariance
        if isinstance(covariance, AbstractConstrained):
            added = covariance.whitened_scatter(np.sqrt(ridge) * np.eye(n_features))
            apart = covariance.maximize(counts, scatter + counts.reshape(-1, *[1] * (added.ndim - 1)) * added)
        else:
            apart = best.inflated(np.full((n_components, n_features), ridge))
        assert_allclose(
            ridged.covariances,
            apart.covariances,
            rtol=1e-9 if isinstance(covariance, AbstractConstrained) else 1e-12,
            atol=1e-12 * ridge,
            err_msg="maximize: a ridge must be an added variance",
        )
    if covariance.form != "tied":
        counts[0], scatter[0] = 0.0, 0.0
        kept = covariance.maximize(counts, scatter, 1.0)
        if isinstance(covariance, AbstractConstrained):
            _check_without_first(covariance, kept, counts, scatter)
        else:
            assert_array_equal(
                kept.dense()[0], covariance.dense()[0], err_msg="a component without rows must keep its covariance"
            )


def _check_without_first(
    covariance: AbstractConstrained, kept: AbstractCovariance, counts: FloatArray, scatter: FloatArray
) -> None:
    """Check that a component without rows has a covariance, and no influence on the others."""
    assert_array_less(0, kept.pivots(), err_msg="a component without rows must have a covariance")
    others = range(1, covariance.n_components)
    if others:
        fewer = type(covariance)(covariance.roots[1:], len(others), covariance.n_features)
        alone = fewer.maximize(counts[1:], scatter[1:], 1.0)
        scale = alone.dense().max()
        assert_allclose(kept.dense()[1:], alone.dense(), rtol=0, atol=1e-8 * scale, err_msg="influence without rows")


def _dense_factor(covariance: AbstractCovariance, component: int) -> FloatArray:
    factors = covariance.factors()
    match covariance.form:
        case "full":
            return factors[component]
        case "tied":
            return factors
        case "diagonal":
            return np.diag(factors[component])
        case _:  # spherical
            return np.diag(np.full(covariance.n_features, factors[component]))
