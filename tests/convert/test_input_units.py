"""The mixture of a pipeline in the units of its input: the density changes by the determinant of the steps."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture as TheirGaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from gaussmix import BayesianGaussianMixture, GaussianMixture, GaussianMixtureIC, GaussianMixtureRegressor
from gaussmix.convert import mixture_in_units

STEPS = [
    [StandardScaler()],
    [StandardScaler(with_mean=False)],
    [StandardScaler(with_std=False)],
    [MinMaxScaler((-2, 5))],
    [MaxAbsScaler()],
    [RobustScaler()],
    [RobustScaler(with_centering=False, with_scaling=False)],
    [PCA()],
    [PCA(whiten=True)],
    ["passthrough"],
    [MinMaxScaler(), "passthrough", StandardScaler(), PCA(whiten=True), RobustScaler()],
    [],
]


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    mixing = np.array([[1.0, 0.5, 0.0], [0.0, 20.0, 3.0], [0.0, 0.0, 0.1]])
    return np.concatenate([rng.normal(0, 1, (80, 3)), rng.normal(4, 1, (120, 3))]) @ mixing + [1000.0, -5.0, 0.3]


def log_determinant(pipeline, rows):
    """The log determinant of the steps before the mixture, from differences of rows."""
    before = pipeline[:-1]
    if not len(before):
        return 0.0
    corners = rows[0] + np.concatenate([np.zeros((1, 3)), np.diag([1.0, 10.0, 0.1])])
    moved = np.asarray(before.transform(corners), dtype=float)
    return np.linalg.slogdet(moved[1:] - moved[0])[1] - np.log([1.0, 10.0, 0.1]).sum()


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: "-".join(str(step) for step in steps) or "none")
def test_the_density_is_that_of_the_pipeline_and_its_determinant(steps, covariance_type, rows):
    pipeline = make_pipeline(*steps, GaussianMixture(2, covariance_type=covariance_type, random_state=0)).fit(rows)
    mixture = mixture_in_units(pipeline)
    expected = pipeline.score_samples(rows) + log_determinant(pipeline, rows)
    np.testing.assert_allclose(mixture.log_density(rows), expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(mixture.labels(rows), pipeline.predict(rows))


@pytest.mark.parametrize(
    ("steps", "before", "after"),
    [
        ([StandardScaler()], "diag", "diag"),
        ([StandardScaler()], "spherical", "VEI"),
        ([StandardScaler()], "VEE", "VEE"),
        ([StandardScaler()], "VEV", "full"),
        ([PCA()], "diag", "VVE"),
        ([PCA()], "spherical", "spherical"),
        ([PCA()], "VEV", "VEV"),
        ([PCA(whiten=True)], "EEI", "tied"),
        ([PCA(whiten=True)], "EVI", "EVV"),
    ],
)
def test_the_structure_stays_where_it_can(steps, before, after, rows):
    pipeline = make_pipeline(*steps, GaussianMixture(2, covariance_type=before, random_state=0)).fit(rows)
    assert mixture_in_units(pipeline).covariance_type == after


@pytest.mark.parametrize(
    "model",
    [
        GaussianMixtureIC([1, 2], random_state=0),
        BayesianGaussianMixture(n_components=2, random_state=0),
        TheirGaussianMixture(2, random_state=0),
    ],
    ids=lambda model: type(model).__module__,
)
def test_other_models_and_names(model, rows):
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    pipeline = make_pipeline(StandardScaler(), model).fit(frame)
    mixture = mixture_in_units(pipeline)
    assert mixture.feature_names == ("a", "b", "c")
    center = pipeline[0].inverse_transform(pipeline[:-1].transform(frame).mean(axis=0, keepdims=True))
    np.testing.assert_allclose(mixture.weights @ mixture.means, center[0], rtol=0.05)


def test_objects_fitted_apart_can_be_joined(rows):
    scaler = StandardScaler().fit(rows)
    model = GaussianMixture(2, random_state=0).fit(scaler.transform(rows))
    mixture = mixture_in_units(make_pipeline(scaler, model))
    same = model.mixture_.rescaled(scaler.mean_, scaler.scale_)
    np.testing.assert_array_equal(mixture.means, same.means)


@pytest.mark.parametrize(
    ("steps", "error", "message"),
    [
        ([PCA(2)], ValueError, "step 'pca' keeps 2 of 3 components"),
        ([MinMaxScaler(clip=True)], ValueError, "step 'minmaxscaler' clips values"),
        ([PowerTransformer()], TypeError, "step 'powertransformer' is a PowerTransformer: only StandardScaler"),
        ([FunctionTransformer()], TypeError, "step 'functiontransformer' is a FunctionTransformer"),
    ],
)
def test_steps_without_a_linear_inverse_are_refused(steps, error, message, rows):
    pipeline = make_pipeline(*steps, GaussianMixture(2, random_state=0)).fit(rows)
    with pytest.raises(error, match=message):
        mixture_in_units(pipeline)


def test_a_regressor_is_refused_because_its_targets_have_no_units_here(rows):
    regressor = GaussianMixtureRegressor(1, covariance_type="full")
    pipeline = make_pipeline(StandardScaler(), regressor).fit(rows, rows[:, 0] + np.arange(len(rows)) % 2)
    with pytest.raises(TypeError, match=r"GaussianMixtureRegressor has targets .* mixture_\.rescaled"):
        mixture_in_units(pipeline)


def test_only_pipelines_have_an_input(rows):
    with pytest.raises(TypeError, match="pipeline must be a Pipeline of scikit-learn, got GaussianMixture"):
        mixture_in_units(GaussianMixture(2))
