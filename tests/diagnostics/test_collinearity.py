"""Columns that are products and ratios of others are found in logarithms, and no others."""

import numpy as np
import pandas as pd
import pytest

from gaussmix import GaussianMixture
from gaussmix.diagnostics import inspect_rows

RNG = np.random.default_rng(0)
A, B, C = RNG.lognormal(2, 0.6, (3, 500))
NOISE = RNG.normal(size=500)
COUNTS = np.where(RNG.random(500) < 0.05, 0.0, np.rint(A + 1))

PRODUCTS = {
    "ratio": ({"a": A, "b": B, "e": A / B}, {"a", "b", "e"}),
    "product": ({"a": A, "b": B, "c": C, "e": 3 * A * B}, {"a", "b", "e"}),
    "three factors": ({"a": A, "b": B, "c": C, "e": A * B / C}, {"a", "b", "c", "e"}),
    "power": ({"a": A, "c": C, "e": A**2}, {"a", "e"}),
    "rounded": ({"a": A, "b": B, "e": np.round(A * B, 1)}, {"a", "b", "e"}),
    "with zeros": ({"a": COUNTS, "b": B, "e": COUNTS * B}, {"a", "b", "e"}),
    "beside others": ({"a": A, "n": NOISE, "b": B, "e": A / B}, {"a", "b", "e"}),
}
OTHERS = {
    "independent": {"a": A, "b": B, "c": C},
    "negative": {"a": NOISE, "b": B, "e": NOISE * B},
    "noisy product": {"a": A, "b": B, "e": A * B * np.exp(0.2 * NOISE)},
    "sum": {"a": A, "b": B, "e": A + B},
    "equal": {"a": A, "b": B, "e": A},
    "far from zero": {"a": 1e6 + A, "b": 1e6 + B, "e": 2e6 + A + B + 0.1 * NOISE},
    "one column": {"a": A},
    "binary": {"a": (A > 8).astype(float), "b": B},
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_and_ratios_are_found(name):
    columns, members = PRODUCTS[name]
    report = inspect_rows(pd.DataFrame(columns))
    [found] = report.facts["rows"]["products"]
    assert {found["column"], *found["of"]} == members
    [text] = [entry.text for entry in report.entries() if entry.label == "products"]
    assert text.startswith(f"{found['column']} is a product or ratio of {found['of'][0]}")
    assert ("up to rounding" in text) == (name != "rounded")
    assert f"Leave out {found['column']}" in report.facts["advice"][0]


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_is_said_of_columns_that_are_no_products(name):
    assert inspect_rows(pd.DataFrame(OTHERS[name])).facts["rows"]["products"] == []


def test_report_of_a_fit_has_the_line_too():
    table = pd.DataFrame(PRODUCTS["ratio"][0])
    report = GaussianMixture(2, random_state=0).fit(table).report(table)
    assert "products" in {entry.label for entry in report.entries()}
