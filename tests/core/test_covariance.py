"""The structures keep the promises of `AbstractCovariance`."""

import dataclasses

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES

from gaussmix.core.covariance import (
    COVARIANCES,
    MODELS,
    STRUCTURES,
    AbstractCovariance,
    Diagonal,
    Full,
    Tied,
    by_name,
    covariance_class,
    structure_of,
)
from gaussmix.core.covariance.triangular import add_rows, lower_root, root_from_precision
from gaussmix.testing import check_covariance, random_covariance


@pytest.mark.slow
@pytest.mark.parametrize("structure", dict.fromkeys(STRUCTURES.values()))
def test_structure_conforms(structure):
    check_covariance(structure)
    assert STRUCTURES[structure.name] is structure


def test_conformance_suite_finds_a_wrong_structure():
    class Wrong(Full):
        def log_det(self):
            return -super().log_det()

    with pytest.raises(AssertionError, match="log_det"):
        check_covariance(Wrong)


def doubled_components(covariance, *given):
    return Full(2 * covariance.roots, covariance.n_components, covariance.n_features)


WRONG = {
    "take": lambda self, components: self,
    "from_dense_roots": classmethod(lambda cls, roots: cls(roots[:, ::-1], *roots.shape[:2])),
    "dense_roots": lambda self: self.roots.transpose(0, 2, 1),
    "dense_factors": lambda self: self.factors().transpose(0, 2, 1),
    "concatenate": classmethod(lambda cls, covariances: covariances[0]),
    "promote_to": doubled_components,
    "whiten": lambda self, rows, component: rows @ self.factors()[0],
    "root_of_rows": classmethod(lambda cls, rows: np.diag(np.sqrt((rows**2).sum(axis=0)))),
    "rescale": doubled_components,
    "relative_variances": lambda self, weights, root=None: (self.variances(), self.factors()[0]),
    "merge_costs": lambda self, first, second, counts, shifts: np.zeros(len(first)),
    "letters": "VVE",
    "count_parameters": classmethod(lambda cls, n_components, n_features: n_components * n_features**2),
}


@pytest.mark.parametrize("verb", WRONG)
def test_conformance_suite_finds_each_wrong_verb(verb):
    with pytest.raises(AssertionError, match=verb):
        check_covariance(type("Wrong", (Full,), {verb: WRONG[verb]}))


def test_conformance_suite_finds_a_concatenation_of_what_components_share():
    with pytest.raises(AssertionError, match="concatenate"):
        check_covariance(type("Wrong", (Tied,), {"concatenate": classmethod(lambda cls, covariances: covariances[0])}))


@pytest.mark.parametrize("letters", ["EII", "EEI", "VEI", "EVI", "EVE", "VVE", "VVV", "EIE"])
def test_conformance_suite_finds_the_letters_of_another_structure(letters):
    with pytest.raises(AssertionError, match=f"letters are '{letters}', the covariances are 'VVI'"):
        check_covariance(type("Wrong", (Diagonal,), {"letters": letters}))


@pytest.mark.parametrize("structure", [Full, Tied, Diagonal, MODELS["VEE"]])
@pytest.mark.parametrize("extra", [-1, 1])
def test_conformance_suite_counts_parameters(structure, extra):
    def count_parameters(cls, n_components, n_features):
        return structure.count_parameters(n_components, n_features) + (extra if n_features > 2 else 0)

    with pytest.raises(AssertionError, match="count_parameters"):
        check_covariance(type("Wrong", (structure,), {"count_parameters": classmethod(count_parameters)}))


def test_conformance_suite_finds_results_that_break_the_constraint():
    class LastFree(Diagonal):
        """Equal variances within a component, except that of the last feature, without a rule for other methods."""

        def maximize(self, counts, scatter, ridge=0.0):
            roots = super().maximize(counts, scatter, ridge).roots.copy()
            if self.n_features > 1:
                roots[:, :-1] = np.sqrt((roots[:, :-1] ** 2).mean(axis=1, keepdims=True))
            return type(self)(roots, self.n_components, self.n_features)

        @classmethod
        def count_parameters(cls, n_components, n_features):
            return n_components * min(n_features, 2)

    with pytest.raises(AssertionError, match="the result does not satisfy the constraint of LastFree"):
        check_covariance(LastFree)


def test_two_classes_cannot_have_one_name():
    with pytest.raises(ValueError, match="Full and Tied are both called 'VVV': give one another name"):
        by_name([("VVV", Full), ("EEE", Tied), ("VVV", Tied)])
    assert by_name([("VVV", Full), ("full", Full)]) == {"VVV": Full, "full": Full}


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_structures_are_frozen(covariance_type):
    covariance = covariance_class(covariance_type).identity(2, 3)
    with pytest.raises(ValueError, match="read-only"):
        covariance.roots[0] = 2.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        covariance.n_features = 5


@pytest.mark.parametrize("structure", [Full, Tied])
def test_factors_that_are_kept_cannot_be_written_to(structure):
    covariance = structure.identity(2, 3)
    assert covariance.factors() is covariance.factors()
    with pytest.raises(ValueError, match="read-only"):
        covariance.factors()[0] = 2.0


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'full', 'tied', .*'VVV', .*'E', 'V'.*, got 'round'"):
        covariance_class("round")


# mclust's nVarParams for three components in four dimensions
PARAMETERS = {
    "EII": 1, "VII": 3, "EEI": 4, "VEI": 6, "EVI": 10, "VVI": 12, "EEE": 10,
    "VEE": 12, "EVE": 16, "VVE": 18, "EEV": 22, "VEV": 24, "EVV": 28, "VVV": 30,
}  # fmt: skip


@pytest.mark.parametrize("letters", MODELS)
def test_number_of_parameters(letters):
    assert covariance_class(letters).identity(3, 4).n_parameters == PARAMETERS[letters]


@pytest.mark.parametrize(("letters", "name"), [("VVV", "full"), ("EEE", "tied"), ("VVI", "diag"), ("VII", "spherical")])
def test_letters_are_other_names(letters, name):
    assert covariance_class(letters) is covariance_class(name) is COVARIANCES[name]


CONSTRAINED = [letters for letters in MODELS if letters not in ("VVV", "EEE", "VVI", "VII")]


@pytest.mark.parametrize("letters", CONSTRAINED)
def test_known_covariances_have_to_obey_the_constraint(letters):
    structure = covariance_class(letters)
    free = random_covariance(structure.free, 3, 2, np.random.default_rng(0))
    for build in (structure.from_covariances, structure.from_precisions):
        with pytest.raises(ValueError, match=f"do not obey the constraint of '{letters}'"):
            build(free.covariances, 3, 2)


@pytest.mark.parametrize("letters", CONSTRAINED)
@pytest.mark.parametrize("spread", [1e-9, 1e9])
def test_constrained_structures_know_no_unit(letters, spread):
    structure = covariance_class(letters)
    free = random_covariance(structure.free, 3, 4, np.random.default_rng(1))
    counts = np.array([20.0, 30.0, 50.0])
    unit = structure.identity(3, 4)
    scaled = unit.nearest(counts, spread * free.roots)
    np.testing.assert_allclose(scaled.roots / spread, unit.nearest(counts, free.roots).roots, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("letters", ["EVE", "VVE"])
def test_covariances_with_common_axes_are_found_whatever_the_start(letters):
    rng = np.random.default_rng(2)
    axes = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    lengths = rng.uniform(0.2, 3.0, (4, 6))
    lengths /= np.exp(np.log(lengths).mean(axis=1))[:, None]  # equal volumes
    given = Full.from_covariances((axes * lengths[:, None, :] ** 2) @ axes.T, 4, 6)
    found = covariance_class(letters).identity(4, 6).nearest(np.array([1.0, 2.0, 3.0, 4.0]), given.roots)
    np.testing.assert_allclose(found.dense(), given.dense(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("letters", ["EVE", "VVE"])
@pytest.mark.parametrize("unit", 10.0 ** np.arange(-4, 5))
def test_axes_of_one_covariance_are_its_own_whatever_the_units(letters, unit):
    given = Full.from_covariances(np.array([[[1.0, 0.9 * unit], [0.9 * unit, unit**2]]]), 1, 2)
    found = covariance_class(letters).identity(1, 2).nearest(np.ones(1), given.roots)
    scale = np.array([1.0, unit])
    np.testing.assert_allclose(found.dense() / np.outer(scale, scale), [[[1.0, 0.9], [0.9, 1.0]]], atol=1e-9)


# a structure of which each is a special case
PROMOTED = {
    "EII": "spherical", "VII": "diag", "EEI": "tied", "VEI": "VEE", "EVI": "EVE", "VVI": "VVE", "EEE": "EEV",
    "VEE": "VEV", "EVE": "EVV", "VVE": "full", "EEV": "full", "VEV": "full", "EVV": "full", "VVV": "full",
}  # fmt: skip


@pytest.mark.parametrize(("simple", "rich"), PROMOTED.items())
def test_promoted_covariances_are_the_same_matrices(simple, rich):
    covariance = random_covariance(covariance_class(simple), 3, 2, np.random.default_rng(8))
    promoted = covariance.promote_to(covariance_class(rich))
    assert type(promoted) is covariance_class(rich)
    np.testing.assert_allclose(promoted.dense(), covariance.dense(), rtol=1e-13, atol=1e-14)
    known = covariance_class(rich).from_covariances(promoted.covariances, 3, 2)  # which checks what they share
    np.testing.assert_allclose(known.dense(), covariance.dense(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("letters", MODELS)
def test_taken_components_obey_the_constraint(letters):
    structure = covariance_class(letters)
    covariance = random_covariance(structure, 4, 3, np.random.default_rng(9))
    taken = covariance.take([2, 0, 2])
    np.testing.assert_array_equal(taken.dense(), covariance.dense()[[2, 0, 2]])
    np.testing.assert_array_equal(taken.factors(), structure(taken.roots, 3, 3).factors())
    again = structure.from_covariances(taken.covariances, 3, 3)
    np.testing.assert_allclose(again.dense(), covariance.dense()[[2, 0, 2]], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("letters", ["VII", "VVI", "VVV"])
def test_concatenated_covariances_are_those_of_the_parts(letters):
    rng = np.random.default_rng(10)
    parts = [random_covariance(covariance_class(letters), k, 3, rng) for k in (2, 1, 3)]
    joined = covariance_class(letters).concatenate(parts)
    assert (joined.n_components, joined.n_features) == (6, 3)
    np.testing.assert_array_equal(joined.dense(), np.concatenate([part.dense() for part in parts]))


@pytest.mark.parametrize("letters", [letters for letters in MODELS if "E" in letters])
def test_what_components_share_is_not_concatenated(letters):
    rng = np.random.default_rng(11)
    parts = [random_covariance(covariance_class(letters), 2, 3, rng) for _ in range(2)]
    with pytest.raises(ValueError, match=f"components of '{covariance_class(letters).name}' share parameters"):
        covariance_class(letters).concatenate(parts)
    joined = Full.concatenate([part.promote_to(Full) for part in parts])
    dense = np.concatenate([part.dense() for part in parts])
    np.testing.assert_allclose(joined.dense(), dense, rtol=1e-13, atol=1e-14)


KEPT_IN_OTHER_UNITS = [letters for letters in MODELS if letters not in ("EVE", "VVE", "EEV", "VEV")]


@pytest.mark.parametrize("letters", MODELS)
def test_covariances_in_other_units_are_of_the_same_structure_where_that_can_be(letters):
    structure = covariance_class(letters)
    rng = np.random.default_rng(12)
    covariance = random_covariance(structure, 3, 3, rng)
    root = structure.root_of_rows(rng.standard_normal((10, 3)) * [1.0, 5.0, 0.2])
    rescaled = covariance.rescale(root)
    assert type(rescaled) is (structure if letters in KEPT_IN_OTHER_UNITS else Full)
    np.testing.assert_allclose(rescaled.dense(), root @ covariance.dense() @ root.T, rtol=1e-12, atol=1e-13)
    again = type(rescaled).from_covariances(rescaled.covariances, 3, 3)
    np.testing.assert_allclose(again.dense(), rescaled.dense(), rtol=1e-12, atol=1e-13)


def test_variances_beside_a_singular_covariance_are_nothing():
    for structure in (Full, Tied):
        covariance = structure.identity(2, 2)
        variances, whiten = covariance.relative_variances(np.full(2, 0.5), np.array([[1.0, 0.0], [1.0, 0.0]]))
        np.testing.assert_array_equal(variances, np.zeros((2, 2)))
        np.testing.assert_array_equal(whiten, np.zeros((2, 2)))


@pytest.mark.parametrize("form", ["full", "tied", "diagonal", "spherical"])
def test_the_structure_of_a_form_is_one_of_scikit_learns(form):
    assert structure_of(form) in COVARIANCES.values()
    assert structure_of(form).form == form


def test_error_names_the_component_that_is_not_positive_definite():
    covariances = np.stack([np.eye(2), [[1.0, 2.0], [2.0, 1.0]]])
    with pytest.raises(ValueError, match="component 1"):
        Full.from_covariances(covariances, 2, 2)


def test_asymmetric_matrix_is_refused():
    with pytest.raises(ValueError, match="symmetric"):
        Tied.from_covariances(np.array([[1.0, 0.5], [0.1, 1.0]]), 2, 2)


def test_root_of_a_singular_matrix_squares_to_it():
    line = np.array([1.0, 2.0, -1.0])
    matrix = np.outer(line, line)
    root = lower_root(matrix[None])[0]
    np.testing.assert_allclose(root @ root.T, matrix, atol=1e-12)
    assert not np.triu(root, 1).any()


def test_root_of_a_singular_matrix_keeps_columns_of_small_units():
    scales = np.array([1.0, 1.0, 1e-12])
    matrix = np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [0.5, 0.5, 1.0]]) * np.outer(scales, scales)
    root = lower_root(matrix[None])[0]
    np.testing.assert_allclose(root @ root.T / np.outer(scales, scales), matrix / np.outer(scales, scales), atol=1e-14)


@pytest.mark.parametrize("structure", [Full, Tied])
def test_marginal_of_nearly_collinear_features_keeps_its_digits(structure):
    root = np.array([[1.0, 0.0, 0.0], [1.0, 1e-8, 0.0], [0.3, 0.2, 1.0]])
    covariance = structure(root[None] if structure is Full else root, 1, 3)
    np.testing.assert_allclose(covariance.marginal([0, 1, 2]).roots.reshape(3, 3), root, rtol=1e-8, atol=1e-16)


def test_adding_variances_does_not_square_the_condition():
    # sqrt(1e-20 + 1e-22) is right to rounding, though 1 + 1e-22 = 1
    root = np.array([[[1.0, 0.0], [1.0, 1e-10]]])
    inflated = add_rows(root, np.array([[0.0, 1e-11]]))[0]
    assert inflated[1, 1] == pytest.approx(np.sqrt(1e-20 + 1e-22), rel=1e-10)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_ridge_far_above_the_covariance_does_not_overflow(covariance_type):
    structure = covariance_class(covariance_type)
    unit = structure.identity(2, 3)
    tiny = structure(1e-160 * unit.roots, 2, 3)
    counts = np.array([2.0, 3.0])
    scatter = unit.roots * (counts.sum() if covariance_type == "tied" else 2.0)
    np.testing.assert_allclose(tiny.maximize(counts, scatter, 4.0).dense(), 4.0 * unit.dense(), rtol=1e-14)


def test_precision_of_graded_scales_is_not_inverted():
    scales = np.array([1e-9, 1.0, 1e9])
    correlation = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, 0.3], [0.2, 0.3, 1.0]])
    expected = np.linalg.cholesky(correlation) * scales[:, None]
    precision = np.linalg.inv(correlation) / np.outer(scales, scales)
    np.testing.assert_allclose(root_from_precision(precision[None])[0], expected, rtol=1e-12, atol=0)


def test_factors_keep_relative_digits_under_graded_scales():
    rng = np.random.default_rng(0)
    well = random_covariance(Full, 1, 4, rng)
    scales = 10.0 ** np.array([-9, 9, 0, -4])
    graded = Full(well.roots * scales[:, None], 1, 4)
    np.testing.assert_allclose(graded.factors() * scales[:, None], well.factors(), rtol=1e-12)


def test_base_class_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        AbstractCovariance(np.eye(2), 1, 2)


@pytest.mark.parametrize("letters", [letters for letters in CONSTRAINED if letters not in ("EII", "EEI")])
def test_a_component_that_has_vanished_is_inflated_like_the_others(letters):
    structure = covariance_class(letters)
    roots = random_covariance(structure, 3, 4, np.random.default_rng(5)).roots.copy()
    roots[1] = 0.0
    repaired = structure(roots, 3, 4).inflated(np.full((3, 4), 0.1))
    assert np.isfinite(repaired.roots).all()
    assert (repaired.pivots() > 0).all()
    assert repaired.is_kept()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("letters", ["VEI", "VEV"])
@pytest.mark.parametrize("unit", [1e-200, 1e-165, 1e-150, 1e150])
def test_a_common_shape_does_not_depend_on_the_unit(letters, unit):
    structure = MODELS[letters]
    free = random_covariance(structure.free, 3, 4, np.random.default_rng(0)).roots
    start, counts = structure.identity(3, 4), np.array([3.0, 2.0, 5.0])
    np.testing.assert_allclose(start.nearest(counts, unit * free).roots / unit, start.nearest(counts, free).roots)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("letters", ["VEI", "VEV"])
@pytest.mark.parametrize("lengths", [[[1, 1, 0], [2, 1, 0]], [[1, 1, 1e-165], [1, 1, 1e-170]], [[1, 2, 3], [0, 0, 0]]])
@pytest.mark.parametrize("unit", [1e-150, 1.0, 1e150])
def test_there_is_no_common_shape_where_variances_vanish(letters, lengths, unit):
    free = unit * np.array(lengths, dtype=float)
    roots = free if letters == "VEI" else np.stack([np.diag(line) for line in free])
    np.testing.assert_array_equal(MODELS[letters].identity(2, 3).nearest(np.array([3.0, 2.0]), roots).roots, roots)
