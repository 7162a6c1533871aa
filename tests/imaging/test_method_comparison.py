"""`compare`: its numbers are those of scikit-learn and SciPy, and it takes the images that it says it takes."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.stats import entropy, multivariate_normal
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from typer.testing import CliRunner

from gaussmix.cli import app
from gaussmix.imaging import compare
from gaussmix.imaging.method_comparison import SAMPLE_PIXELS

MEANS = np.array([[40, 60, 60], [150, 60, 50], [60, 110, 50]])  # the last two are equally bright
K_MEANS = "k-means of colors"


def three_colors(seed=0, size=(36, 48)):
    rng = np.random.default_rng(seed)
    truth = np.repeat([0, 1, 2], size[1] // 3)[None].repeat(size[0], axis=0)
    return np.rint(MEANS[truth] + rng.normal(scale=9, size=(*size, 3))).clip(0, 255).astype(np.uint8), truth


@pytest.fixture(scope="module")
def found():
    image, truth = three_colors()
    return compare(image, 3, n_seeds=4, random_state=0), image.reshape(-1, 3).astype(float), truth.ravel()


@pytest.mark.slow
def test_k_means_is_that_of_scikit_learn(found):
    comparison, rows, _ = found
    clusters = KMeans(3, n_init=10, random_state=1).fit(rows)
    way = comparison.ways.index(K_MEANS)
    assert comparison.distances[way] == pytest.approx(np.sqrt(clusters.inertia_ / len(rows)), rel=1e-3)
    density = sum(
        np.mean(clusters.labels_ == label)
        * multivariate_normal(rows[inside].mean(axis=0), np.cov(rows[inside].T, bias=True)).pdf(rows)
        for label in range(3)
        for inside in [clusters.labels_ == label]
    )
    assert comparison.log_likelihoods[way] == pytest.approx(np.log(density).mean(), abs=2e-3)
    agreement = adjusted_rand_score(comparison.mixture.labels(rows), clusters.labels_)
    assert comparison.agreements[way] == pytest.approx(agreement, abs=5e-3)
    assert comparison.agreements[0] == 1


@pytest.mark.parametrize("n_warned", [[0, 0, 0, 0], [0, 0, 0, 4], [1, 0, 0, 0], [4, 4, 4, 4]])
def test_log_likelihoods_of_warned_fits_are_marked_as_not_comparable(n_warned, found):
    comparison = replace(found[0], n_warned=np.array(n_warned))
    lines = str(comparison).splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("Starts"))
    marks = [line.count("?") for line in lines[start + 1 : start + 5]]
    assert marks == ([3] * 4 if any(n_warned) else [0] * 4)
    assert ("? higher is not better here: fits are warned" in str(comparison)) == any(n_warned)
    assert "warned: fits with collapsed" in str(comparison)
    assert max(map(len, lines)) <= 120


@pytest.mark.slow
def test_color_tells_apart_what_gray_does_not(found):
    comparison, rows, truth = found
    assert adjusted_rand_score(truth, comparison.mixture.labels(rows)) > 0.98
    gray = comparison.ways.index("mixture of gray")
    assert comparison.agreements[gray] < 0.8
    assert comparison.distances[gray] > 1.5 * comparison.distances[0]
    assert comparison.log_likelihoods[gray] < comparison.log_likelihoods[0] - 0.2


@pytest.mark.slow
def test_soft_numbers_are_those_of_the_probabilities(found):
    comparison, rows, _ = found
    probabilities = comparison.mixture.responsibilities(rows)
    means = comparison.mixture.means
    assert comparison.entropy == pytest.approx(entropy(probabilities, base=2, axis=1).mean(), rel=1e-9)
    assert comparison.uncertain == pytest.approx((probabilities.max(axis=1) < 0.9).mean())
    hard = ((rows - means[probabilities.argmax(axis=1)]) ** 2).sum(axis=1).mean()
    soft = ((rows - probabilities @ means) ** 2).sum(axis=1).mean()
    np.testing.assert_allclose([comparison.hard_distance, comparison.soft_distance], np.sqrt([hard, soft]), rtol=1e-9)


def test_starts_that_reach_one_optimum_have_labels_that_do_not_change_in_order(found):
    comparison, rows, _ = found
    best = comparison.start_log_likelihoods.max()
    assert comparison.start_log_likelihoods[-1] == pytest.approx(best, abs=1e-3)
    assert comparison.mixture.log_density(rows).mean() == pytest.approx(comparison.start_log_likelihoods[-1, 0])
    assert comparison.changed_in_order[-1].max() == 0
    k_means = comparison.starts.index("k-means")
    assert comparison.changed_in_order[k_means].max() < 0.01
    assert comparison.changed[: k_means + 1].max() > 0.3  # numbers as they come
    assert comparison.passes.shape == comparison.start_log_likelihoods.shape == (4, 4)
    assert (comparison.passes[:3] < comparison.passes[3].min()).all()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_table(found):
    again = compare(three_colors()[0], 3, n_seeds=4, random_state=0)
    assert str(again) == str(found[0])
    for number in (found[0].log_likelihoods[0], found[0].distances[2]):
        assert f"{number:.4g}" in str(again) or f"{number:.4f}" in str(again)


@pytest.mark.slow
def test_figure_shows_every_way(found):
    figure = found[0].figure("A title")
    shown = [text.get_text().lower() for axes in figure.axes for text in axes.texts]
    for name in (*found[0].ways, *found[0].starts, "red", "green", "blue", "gray", "the image"):
        assert name in shown
    for _, picture in found[0].pictures:
        assert picture.shape == (36, 48, 4)
        assert picture.dtype == np.uint8
    np.testing.assert_array_equal(found[0].pictures[0][1][..., :3], three_colors()[0])


def with_mask(image):
    mask = np.ones(image.shape[:2], dtype=bool)
    mask[:5, :7] = False
    return mask


@pytest.mark.slow
def test_masked_transparent_and_nan_pixels_do_not_count():
    image, _ = three_colors()
    mask = with_mask(image)
    spoiled = np.where(mask[..., None], image, 200).astype(np.uint8)
    alpha = np.concatenate([spoiled, 9 * mask[..., None].astype(np.uint8)], axis=2)
    expected = str(compare(image, 3, mask=mask, n_seeds=2, random_state=0))
    assert str(compare(spoiled, 3, mask=mask, n_seeds=2, random_state=0)) == expected
    transparent = compare(alpha, 3, n_seeds=2, random_state=0)
    assert str(transparent) == expected
    np.testing.assert_array_equal(transparent.pictures[1][1][..., 3] > 0, mask)
    gray = image[..., 1] / 255
    gray[~mask] = np.nan
    comparison = compare(gray, 2, n_seeds=2, random_state=0)
    assert comparison.n_pixels == mask.sum()
    assert comparison.ways == ("mixture of gray", "k-means of gray")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(30, 40), (6, 20, 16)])
def test_gray_pictures_and_volumes_of_any_type(dtype, shape):
    rng = np.random.default_rng(1)
    image = (rng.integers(0, 2, shape) * 60 + rng.normal(80, 9, shape)).astype(dtype)
    comparison = compare(image, 2, n_seeds=2, random_state=0)
    assert comparison.gray_mixture is None
    assert comparison.agreements[1] > 0.95
    assert comparison.pictures[0][1].shape == (*shape[-2:], 4)
    assert len(comparison.figure().axes) == 5 + 1 + 3


@pytest.mark.slow
def test_of_many_pixels_a_sample_is_drawn():
    image = three_colors(size=(150, 150))[0]
    comparison = compare(image, 2, n_seeds=2, random_state=0)
    assert (comparison.n_pixels, len(comparison.sample)) == (150 * 150, SAMPLE_PIXELS)
    assert "drawn at random" in str(comparison)


def test_gray_is_left_out_where_it_has_too_few_levels_and_warnings_are_counted():
    colors = np.array([[100, 0, 0], [0, 51, 0], [3, 0, 255]], dtype=np.uint8)  # all of luma 30
    image = colors[np.arange(300).reshape(15, 20) % 3]
    comparison = compare(image, 2, n_seeds=2, random_state=0)
    assert comparison.ways == ("mixture of colors", K_MEANS)
    assert comparison.n_warned[-1] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_components": 1}, "n_components must be a whole number, at least 2"),
        ({"n_components": 300}, "n_components must be at most 255"),
        ({"n_seeds": 1}, "n_seeds must be a whole number, at least 2"),
        ({"image": np.zeros((8, 8, 2))}, "image must be gray or RGB; got 2 channels"),
        ({"image": np.ones((8, 8))}, "image has 1 different values among 64 pixels"),
    ],
)
def test_what_cannot_be_compared_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        compare(**({"image": three_colors()[0]} | change))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_command_writes_table_and_figure(tmp_path, mode):
    Image.fromarray(three_colors()[0]).convert(mode).save(tmp_path / "three.png")
    output = tmp_path / "out"
    arguments = ["compare", str(tmp_path / "three.png"), "-k", "2", "--seeds", "2", "-o", str(output)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    table = (output / "table.txt").read_text()
    assert table in result.stdout + "\n"
    assert table.startswith("2 classes of 1,728 pixels (")
    with Image.open(output / "figure.png") as figure:
        assert min(figure.size) > 1000
