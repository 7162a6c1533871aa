"""Reports say which values are missing, and how much information is left."""

import numpy as np
import pytest

from gaussmix import GaussianMixture, Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.diagnostics import inspect_fit
from gaussmix.diagnostics.missing import information_facts, missing_facts

MIXTURE = Mixture.from_parameters(
    [0.5, 0.5], [[0.0, 0.0, 0.0], [6.0, 6.0, 6.0]], np.ones((2, 3)), covariance_type="diag"
)
ROWS, LABELS = MIXTURE.sample(400, 0)


def test_counts():
    rows = ROWS.copy()
    rows[:100, 1] = np.nan
    rows[:40, 2] = np.nan
    rows[:4] = np.nan
    facts = missing_facts(WeightedRows(rows), ("a", "b", "c"))
    assert facts == {
        "columns": [{"column": "a", "share": 0.01}, {"column": "b", "share": 0.25}, {"column": "c", "share": 0.1}],
        "share": pytest.approx(144 / 1200),
        "n_patterns": 4,
        "n_complete": 300,
        "n_empty": 4,
    }
    assert missing_facts(WeightedRows(ROWS), ("a", "b", "c")) is None


def test_information_of_independent_columns_is_the_share_of_observed_values():
    rows = ROWS.copy()
    rows[(LABELS == 1) & (np.arange(400) % 2 == 0), 0] = np.nan
    first, second = information_facts(MIXTURE, WeightedRows(rows))
    observed = 1 - np.isnan(rows[LABELS == 1]).mean()
    assert first["information"] == pytest.approx(1.0, abs=1e-3)
    assert second["information"] == pytest.approx(observed, abs=1e-3)


def test_correlated_columns_leave_more_information():
    equal = np.full((3, 3), 0.99) + 0.01 * np.eye(3)
    mixture = Mixture.from_parameters([1.0], [[0.0, 0.0, 0.0]], [equal])
    rows, _ = mixture.sample(300, 0)
    rows[:, 2] = np.nan
    [facts] = information_facts(mixture, WeightedRows(rows))
    assert facts["information"] == pytest.approx(2 / 3)  # of three whitened directions, one is not seen
    assert facts["hardly_observed"] == ["x2"]


def test_the_report_names_what_a_component_lacks():
    rows = ROWS.copy()
    rows[np.flatnonzero(LABELS == 1)[1:], 2] = np.nan
    report = inspect_fit(MIXTURE, None, rows)
    said = {entry.label: entry.text for entry in report.entries()}
    assert said["missing"].startswith("18.0% of the values (x2 54.0%), in 2 patterns")
    assert said["hardly seen"] == "component 1 has hardly any value of x2"
    assert "missing values leave 100% and 67% of that" in said["information"]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_reports_of_fits_to_rows_with_holes(share):
    rows = np.where(np.random.default_rng(1).random(ROWS.shape) < share, np.nan, ROWS)
    report = GaussianMixture(2, random_state=0).fit(rows).report(rows)
    assert report.facts["rows"]["missing_values"]["share"] == np.isnan(rows).mean()
    assert all(found["information"] < 1 for found in report.facts["components"])
    assert "missing values leave" in str(report).replace("\n", " ")


def test_complete_rows_say_nothing_about_missing_values():
    assert "missing" not in str(inspect_fit(MIXTURE, None, ROWS))
