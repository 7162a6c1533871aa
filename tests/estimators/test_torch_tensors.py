"""Estimators take tensors of torch and return tensors; skipped where torch is not installed."""

import numpy as np
import pytest

from gaussmix import DegenerateDataWarning, GaussianMixture, GaussianMixtureIC, StudentMixture

torch = pytest.importorskip("torch")
torch_rows = pytest.importorskip("gaussmix.core.engines.torch_rows")

ROW_METHODS = ("predict", "predict_proba", "score_samples", "transform")
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
    pytest.param("mps", marks=pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no MPS device")),
]


def two_groups(n=600, dtype=np.float32):
    rng = np.random.default_rng(0)
    return np.vstack([rng.normal(0, 1, (n // 2, 3)), rng.normal(6, 2, (n // 2, 3))]).astype(dtype)


def on_device(rows, device):
    """Rows that stay on their device; on the CPU, too, where a fit would take them as an array."""
    return torch_rows.TorchRows(torch.tensor(rows, device=device))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_tensor_on_the_cpu_gives_the_bits_of_an_array(dtype):
    rows = (10 * two_groups() + 100).clip(0, 255).astype(dtype)
    ours = GaussianMixture(2, random_state=0).fit(torch.tensor(rows))
    plain = GaussianMixture(2, random_state=0).fit(rows)
    assert isinstance(ours.means_, np.ndarray)
    np.testing.assert_array_equal(ours.means_, plain.means_)
    np.testing.assert_array_equal(ours.covariances_, plain.covariances_)
    assert ours.score(torch.tensor(rows)) == plain.score(rows)


def test_tensor_on_the_cpu_may_have_missing_values_and_weights():
    rows = two_groups()
    rows[3, 1] = np.nan
    weights = np.arange(600.0)
    ours = GaussianMixture(2, random_state=0).fit(torch.tensor(rows), sample_weight=torch.tensor(weights))
    plain = GaussianMixture(2, random_state=0).fit(rows, sample_weight=weights)
    np.testing.assert_array_equal(ours.means_, plain.means_)


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VVE"])
def test_fit_on_a_device_is_that_of_the_array(device, covariance_type):
    rows = two_groups(30_000)
    ours = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(on_device(rows, device))
    plain = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows)
    assert ours.converged_
    assert ours.score(rows) == pytest.approx(plain.score(rows), abs=1e-8)
    np.testing.assert_allclose(ours.means_, plain.means_, atol=1e-4)
    assert ours.score(on_device(rows, device)) == pytest.approx(ours.score(rows), abs=1e-7)
    assert ours.bic(on_device(rows, device)) == pytest.approx(ours.bic(rows), abs=1e-6 * len(rows))


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_fit_of_student_mixture_on_a_device_is_that_of_the_array(device):
    rows = two_groups(900) * np.random.default_rng(1).gamma(2, size=(900, 1)).astype(np.float32)
    ours = StudentMixture(2, random_state=0).fit(on_device(rows, device))
    plain = StudentMixture(2, random_state=0).fit(rows)
    assert ours.score(rows) == pytest.approx(plain.score(rows), abs=1e-6)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", ROW_METHODS)
def test_results_are_tensors_where_the_rows_are(device, method):
    rows = two_groups()
    fitted = GaussianMixture(2, random_state=0).fit(rows)
    expected = getattr(fitted, method)(rows)
    for given in (torch.tensor(rows, device=device), on_device(rows, device)):
        result = getattr(fitted, method)(given)
        assert isinstance(result, torch.Tensor)
        assert result.device.type == device
        assert result.dtype == (torch.int64 if method == "predict" else torch.float32)
        np.testing.assert_allclose(result.cpu().numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("named", [True, False])
def test_fit_predict_returns_a_tensor(named):
    rows = two_groups()
    given = torch.tensor(rows) if named else on_device(rows, "cpu")
    labels = GaussianMixture(2, random_state=0).fit_predict(given)
    assert isinstance(labels, torch.Tensor)
    np.testing.assert_array_equal(labels.numpy(), GaussianMixture(2, random_state=0).fit_predict(rows))


@pytest.mark.parametrize("as_rows", [torch.tensor, torch_rows.TorchRows])
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("float64", "float64"),
        ("float32", "float32"),
        ("float16", "float32"),
        ("bfloat16", "float32"),
        ("uint8", "float32"),
        ("int16", "float32"),
        ("uint16", "float32"),
        ("int32", "float64"),
        ("int64", "float64"),
    ],
)
def test_types_of_rows_and_of_results(as_rows, given, kept):
    rows = torch.tensor(two_groups()).abs().to(getattr(torch, given))
    wanted = rows.to(torch.float64).numpy()
    fitted = GaussianMixture(2, random_state=0).fit(wanted)
    result = fitted.score_samples(rows if as_rows is torch.tensor else as_rows(rows))
    assert result.dtype == getattr(torch, kept)
    np.testing.assert_allclose(result.numpy(), fitted.score_samples(wanted), rtol=1e-5)


@pytest.mark.parametrize("where", [lambda tensor: tensor, torch_rows.TorchRows], ids=["in memory", "on a device"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.requires_grad_(), r"requires a gradient.*pass X\.detach\(\)"),
        (lambda rows: rows.to_sparse(), r"sparse tensor.*pass X\.to_dense\(\)"),
        (lambda rows: rows + 0j, "Complex data not supported"),
        (lambda rows: rows[0], r"one row is X\[None\]|Expected 2D array"),
        (lambda rows: rows[:, :2], "X has 2 features, but GaussianMixture is expecting 3"),
        (lambda rows: rows.index_fill(0, torch.tensor(5), torch.inf), "X has infinity at row 5, column 0"),
        (lambda rows: torch.full((4, 3), 2**60), "float64 does not hold every integer"),
        (lambda rows: rows.double() * 1e200, "its square overflows"),
        (lambda rows: rows[:0], "0 (rows|sample)"),
    ],
)
def test_bad_tensors_are_refused(where, change, message):
    fitted = GaussianMixture(2, random_state=0).fit(two_groups())
    with pytest.raises(ValueError, match=message):
        fitted.predict(where(change(torch.tensor(two_groups()))))


@pytest.mark.parametrize("row", [0, 599, 2_000_000])
def test_first_nan_on_a_device_is_named(row):
    rows = torch.zeros((max(600, row + 1), 12))
    rows[row, 1] = torch.nan
    with pytest.raises(ValueError, match=f"X has NaN at row {row}, column 1"):
        GaussianMixture(2).fit(torch_rows.TorchRows(rows))


def test_what_is_not_a_tensor_of_rows_is_refused():
    dataset = torch.utils.data.TensorDataset(torch.tensor(two_groups()))
    with pytest.raises(TypeError, match=r"X is a TensorDataset of torch: pass a tensor \(n, d\)"):
        GaussianMixture(2).fit(dataset)


@pytest.mark.parametrize(
    ("fit", "need"),
    [
        (lambda X: GaussianMixture(2, trim=0.1).fit(X), "trim"),
        (lambda X: GaussianMixture(2, noise="uniform").fit(X), "noise"),
        (lambda X: GaussianMixture(2).fit(X, noise_covariance=np.ones(3)), "noise_covariance"),
        (lambda X: GaussianMixtureIC([1, 2]).fit(X), "GaussianMixtureIC"),
    ],
)
def test_what_needs_rows_in_memory_says_so(fit, need):
    with pytest.raises(ValueError, match=rf"{need} needs rows in memory, and X is a tensor.*pass X\.cpu\(\)"):
        fit(on_device(two_groups(), "cpu"))


def test_row_infinitely_far_away_belongs_to_the_nearest_component():
    fitted = GaussianMixture(2, random_state=0).fit(two_groups())
    rows = two_groups()[:5]
    rows[1] = 1e30
    given = on_device(rows, "cpu")
    assert fitted.score_samples(given)[1] == -torch.inf
    np.testing.assert_array_equal(fitted.predict(given).numpy(), fitted.predict(rows))
    np.testing.assert_allclose(fitted.predict_proba(given).numpy(), fitted.predict_proba(rows), atol=1e-6)


def test_noise_has_its_label_on_a_device():
    rows = np.vstack([two_groups(), [[100.0, -100.0, 100.0]]]).astype(np.float32)
    fitted = GaussianMixture(2, noise="uniform", random_state=0).fit(rows)
    labels = fitted.predict(on_device(rows, "cpu"))
    assert labels[-1] == -1
    np.testing.assert_array_equal(labels.numpy(), fitted.predict(rows))


def test_redundant_columns_of_a_tensor_are_left_out():
    rows = two_groups(dtype=np.float64)
    rows = np.column_stack([rows, 2 * rows[:, 0] + 1, np.ones(600)])
    with pytest.warns(DegenerateDataWarning, match="x4 is constant"):
        ours = GaussianMixture(2, random_state=0).fit(on_device(rows, "cpu"))
    with pytest.warns(DegenerateDataWarning, match="x4 is constant"):
        plain = GaussianMixture(2, random_state=0).fit(rows)
    np.testing.assert_allclose(ours.means_, plain.means_, rtol=1e-8)


def test_report_examines_rows_on_a_device():
    rows = two_groups()
    fitted = GaussianMixture(2, random_state=0).fit(on_device(rows, "cpu"))
    assert "600 with 3 columns" in str(fitted.report(on_device(rows, "cpu")))


def test_partial_fit_takes_tensors():
    rows = two_groups()
    ours, plain = GaussianMixture(2, random_state=0), GaussianMixture(2, random_state=0)
    for part in (rows[::2], rows[1::2]):
        ours.partial_fit(on_device(part, "cpu"))
        plain.partial_fit(part)
    np.testing.assert_allclose(ours.means_, plain.means_, atol=1e-4)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", [GaussianMixture, StudentMixture])
@pytest.mark.parametrize("scale", [1.0, 1e-3])
@pytest.mark.parametrize("as_tensor", [True, False])
def test_rows_on_a_device_have_weights(device, kind, scale, as_tensor):
    rows = two_groups(dtype=np.float64)
    weights = scale * np.random.default_rng(1).uniform(0, 3, 600)
    weights[:100] = 0
    given = on_device(rows, device)
    weight = torch.tensor(weights, device=device) if as_tensor else weights
    ours = kind(2, random_state=0).fit(given, sample_weight=weight)
    plain = kind(2, random_state=0).fit(rows, sample_weight=weights)
    np.testing.assert_allclose(ours.means_, plain.means_, rtol=1e-9, atol=1e-9)
    assert ours.score(given, sample_weight=weight) == pytest.approx(plain.score(rows, sample_weight=weights), rel=1e-9)
    assert ours.bic(given, weight) == pytest.approx(plain.bic(rows, weights), rel=1e-9)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random_from_data"])
def test_starts_on_a_device_have_weights(init_params):
    rows, weights = two_groups(dtype=np.float64), np.repeat([0.5, 2.0, 0.0], 200)
    options = {"init_params": init_params, "random_state": 0}
    ours = GaussianMixture(2, **options).fit(on_device(rows, "cpu"), sample_weight=torch.tensor(weights))
    plain = GaussianMixture(2, **options).fit(rows, sample_weight=weights)
    np.testing.assert_allclose(ours.means_, plain.means_, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-np.ones(600), "sample_weight must be finite and at least 0; row 0 has -1"),
        (np.ones(5), r"sample_weight.shape == \(5,\), expected \(600,\)"),
        (np.zeros(600), "sample_weight is zero for every row"),
        (torch.full((600,), torch.nan), "row 0 has nan"),
    ],
)
def test_bad_weights_of_rows_on_a_device_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2).fit(on_device(two_groups(), "cpu"), sample_weight=weights)
