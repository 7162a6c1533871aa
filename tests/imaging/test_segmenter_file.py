"""Model files of segmenters: the same labels and probabilities to the last bit, and one sentence for other files."""

import json
import math

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import gaussmix
from gaussmix import Mixture, ModelFileError
from gaussmix.imaging import GaussianMixtureSegmenter

RNG = np.random.default_rng(0)
TRUTH = np.repeat([[0, 1, 2], [2, 0, 1]], 8, axis=0).repeat(8, axis=1)
COLORS = np.array([[40, 60, 90], [120, 110, 100], [200, 190, 220]])
SEEDS = np.where(RNG.random(TRUTH.shape) < 0.1, TRUTH, -1)


def picture(seed, dtype=np.uint8, channels=3):
    noise = np.random.default_rng(seed).normal(0, 12, (*TRUTH.shape, channels))
    values = COLORS[TRUTH][..., :channels] + noise
    return values.clip(0, 255).astype(dtype) if dtype == np.uint8 else (values / 255).astype(dtype)


def volume(seed):
    values = np.repeat(TRUTH[None], 6, axis=0) * 300.0
    return (values + np.random.default_rng(seed).normal(0, 60, values.shape)).astype(np.int16)


def stack(seed):
    return np.stack([picture(seed), picture(seed + 1), picture(seed + 2)])


def fitted(parameters, make=picture, **labels):
    return GaussianMixtureSegmenter(**({"n_components": 3, "random_state": 0} | parameters)).fit(make(1), **labels)


def kept(segmenter, folder):
    segmenter.save(folder / "tissue.json")
    return GaussianMixtureSegmenter.load(folder / "tissue.json")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "make"),
    [
        ({"smoothing": 0}, picture),
        ({"smoothing": 0.7, "color_space": "lab", "position": 20.0}, picture),
        ({"color_space": "gray", "n_neighbors": 8, "order": "weight"}, picture),
        ({"contrast": True, "covariance_type": "tied", "spacing": (2.0, 1.0)}, picture),
        ({"n_components": "auto", "smoothing": 1.0, "covariance_type": "diag"}, picture),
        ({"channel_axis": None, "spacing": np.array([3.0, 1.0, 1.0]), "order": 0}, volume),
        ({"stack": True, "smoothing": np.float64(0.5), "order": COLORS}, stack),
        ({"channel_axis": None, "bias_field": True, "smoothing": 0.5}, volume),
        ({"alpha": False, "covariance_type": "spherical"}, lambda seed: picture(seed, np.float32)),
        ({"channel_axis": -1, "covariance_type": "VVI"}, lambda seed: picture(seed, np.float64, 2)),
        ({"family": "student"}, picture),
        ({"family": "student", "covariance_type": "diag", "smoothing": 0}, picture),
        ({"family": "student", "channel_axis": None, "smoothing": 0.5}, volume),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_a_kept_segmenter_labels_other_pictures_to_the_same_bits(parameters, make, tmp_path):
    segmenter = fitted(parameters, make)
    again, other = kept(segmenter, tmp_path), make(7)
    np.testing.assert_array_equal(again.predict(other), segmenter.predict(other))
    np.testing.assert_array_equal(again.predict_proba(other), segmenter.predict_proba(other))
    np.testing.assert_array_equal(again.predict_fractions(other), segmenter.predict_fractions(other))
    assert again.score(other) == segmenter.score(other)
    assert (again.n_components_, again.smoothing_) == (segmenter.n_components_, segmenter.smoothing_)
    assert again.free_energies_ == tuple(segmenter.free_energies_)
    for name, value in segmenter.get_params().items():
        np.testing.assert_array_equal(again.get_params()[name], value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [{}, {"components_per_class": 2, "smoothing": 3.0}, {"connected": True, "contrast": 0}, {"n_components": "auto"}],
    ids=str,
)
def test_a_segmenter_with_seeds_is_kept_with_its_outliers(parameters, tmp_path):
    segmenter = fitted(parameters, labels=SEEDS)
    again, other = kept(segmenter, tmp_path), picture(7)
    np.testing.assert_array_equal(again.predict_proba(other), segmenter.predict_proba(other))
    np.testing.assert_array_equal(again.predict(other, labels=SEEDS), segmenter.predict(other, labels=SEEDS))


def test_a_kept_segmenter_can_be_fitted_and_saved_again(tmp_path):
    again = kept(fitted({"smoothing": 0, "random_state": np.random.RandomState(0)}), tmp_path)
    assert again.random_state is None
    first = (tmp_path / "tissue.json").read_text()
    again.save(tmp_path / "tissue.json")
    assert (tmp_path / "tissue.json").read_text() == first
    assert again.fit(picture(3)).predict(picture(3)).shape == TRUTH.shape


def test_the_file_is_that_of_the_mixture_too(tmp_path):
    segmenter = fitted({"smoothing": 0})
    segmenter.save(tmp_path / "m.json", feature_names=["red", "green", "blue"])
    for mixture in (gaussmix.load(tmp_path / "m.json"), Mixture.load(tmp_path / "m.json")):
        np.testing.assert_array_equal(mixture.means, segmenter.mixture_.means)
        assert mixture.feature_names == ("red", "green", "blue")
    with pytest.raises(ValueError, match="feature_names must name 3 features, got 1"):
        segmenter.save(tmp_path / "m.json", feature_names=["gray"])
    segmenter.mixture_.save(tmp_path / "mixture.json")
    with pytest.raises(ModelFileError, match=r"mixture\.json is not the model of a segmenter: it is that of a mixture"):
        GaussianMixtureSegmenter.load(tmp_path / "mixture.json")


def test_a_gaussian_segmenter_has_no_degrees_of_freedom(tmp_path):
    segmenter = fitted({"family": "student", "smoothing": 0, "covariance_type": "diag"})
    segmenter.save(tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text()
    assert "degrees_of_freedom" in text
    (tmp_path / "m.json").write_text(text.replace('"student"', '"gaussian"'))
    with pytest.raises(ModelFileError, match="its family is 'gaussian', but its mixture has degrees of freedom"):
        GaussianMixtureSegmenter.load(tmp_path / "m.json")


def test_only_a_fitted_segmenter_is_saved(tmp_path):
    with pytest.raises(NotFittedError):
        GaussianMixtureSegmenter().save(tmp_path / "m.json")
    assert not list(tmp_path.iterdir())


def test_without_neighbors_that_differ_contrast_is_kept(tmp_path):
    mask = np.zeros(TRUTH.shape, dtype=bool)
    mask[::2, ::2] = True
    segmenter = GaussianMixtureSegmenter(3, contrast=True, smoothing=0.5, random_state=0).fit(picture(1), mask)
    again = kept(segmenter, tmp_path)
    np.testing.assert_array_equal(again.predict_proba(picture(7)), segmenter.predict_proba(picture(7)))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("version",), 2, "version of its segmenter is not 1"),
        (("n_axes",), 4, "n_axes is 4"),
        (("n_channels",), 2, "3 features; its pictures give 2"),
        (("seeded",), 1, "seeded is not true or false"),
        (("seeded",), True, "no outliers"),
        (("smoothing",), -1.0, "smoothing is -1.0"),
        (("smoothing",), None, "smoothing has 'None'"),
        (("contrast_scale",), 0, "contrast_scale is 0"),
        (("free_energies",), ["a"], "free_energies has 'a'"),
        (("parameters", "n_components"), 2, "n_components is 2, but its mixture has 3"),
        (("parameters", "components_per_class"), 2, "2 components per class do not fit"),
        (("parameters", "family"), "cauchy", "family must be one of"),
        (("parameters", "position"), 1.0, "3 features; its pictures give 5"),
        (("parameters", "color_space"), "gray", "3 features; its pictures give 1"),
        (("parameters", "color_space"), "hsv", "color_space must be one of"),
        (("parameters", "smoothing"), math.pi * -1, "smoothing must be"),
        (("parameters", "n_neighbors"), 5, "5"),
        (("parameters", "spacing"), [1.0], "spacing"),
        (("parameters", "spacing"), ["a", 1], "spacing has 'a'"),
        (("parameters", "covariance_type"), "round", "round"),
        (("parameters", "channel_axis"), "last", "channel_axis is 'last'"),
        (("parameters", "stack"), 0, "parameter stack is '0'"),
        (("parameters",), {"stack": False}, "its parameters are not n_components"),
    ],
    ids=str,
)
def test_a_file_that_says_what_cannot_be_is_refused(place, value, message, tmp_path, saved_text):
    document = json.loads(saved_text)
    part = document["segmenter"]
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    (tmp_path / "bad.json").write_text(json.dumps(document))
    with pytest.raises(ModelFileError, match=f"bad.json is not the model of a segmenter: .*{message}"):
        GaussianMixtureSegmenter.load(tmp_path / "bad.json")


@pytest.fixture(scope="module")
def saved_text(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "m.json"
    fitted({"smoothing": 0}).save(path)
    return path.read_text()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_smoothed_segmenter_of_t_distributions_has_t_distributions(seed):
    segmenter = GaussianMixtureSegmenter(n_components=3, family="student", random_state=0).fit(picture(seed))
    assert segmenter.smoothing_ > 0
    assert segmenter.mixture_.degrees_of_freedom is not None
