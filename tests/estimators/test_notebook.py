"""What notebooks show: escaped, well-formed tables without colors, and scikit-learn's diagram where there is no fit."""

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gaussmix import (
    BayesianGaussianMixture,
    GaussianMixture,
    GaussianMixtureIC,
    Mixture,
    StudentMixture,
    bootstrap,
    compare_mixtures,
    describe,
    discriminant_directions,
    likelihood_ratio_test,
    merge_components,
    stability,
    standard_errors,
)
from gaussmix.datasets import load_old_faithful
from gaussmix.diagnostics import inspect_rows

NASTY = '<script>alert("1")</script>'
ERUPTIONS = pd.DataFrame(load_old_faithful()[0], columns=[NASTY, "a & b"])
FITTED = GaussianMixture(2, random_state=0).fit(ERUPTIONS)
SEARCH = GaussianMixtureIC((1, 2), covariance_types=["EEE", "VVV"], random_state=0).fit(ERUPTIONS)

RESULTS = {
    "mixture": lambda: FITTED.mixture_,
    "report": lambda: FITTED.report(ERUPTIONS),
    "report on rows": lambda: inspect_rows(ERUPTIONS),
    "table": lambda: SEARCH.results_,
    "explanation": lambda: SEARCH.why(),
    "bootstrap": lambda: bootstrap(FITTED, ERUPTIONS, n_draws=5, random_state=0),
    "standard errors": lambda: standard_errors(FITTED, ERUPTIONS),
    "stability": lambda: stability(FITTED, ERUPTIONS, n_draws=5, start="warm", random_state=0),
    "test": lambda: likelihood_ratio_test(ERUPTIONS, 1, n_draws=5, random_state=0),
    "comparison": lambda: compare_mixtures(FITTED.mixture_, FITTED.mixture_),
    "tree": lambda: merge_components(FITTED.mixture_, ERUPTIONS),
    "description": lambda: describe(FITTED, ERUPTIONS),
    "directions": lambda: discriminant_directions(FITTED),
}


def parsed(html):
    return ElementTree.fromstring(f"<div>{html.replace('<br>', '<br/>')}</div>")


def shown(fitted):
    """The part below scikit-learn's diagram."""
    html = fitted._repr_html_()
    assert "sk-top-container" in html
    return html[html.rindex('<div><table><tbody><tr><th style="text-align:left">') :]


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_escaped_and_have_no_colors(name):
    html = RESULTS[name]()._repr_html_()
    assert NASTY not in html
    assert not re.search(r"color|background|#[0-9a-f]{3}", html.replace("alert", ""))
    text = " ".join(parsed(html).itertext()).replace("\n", " ")
    assert len(text.split()) > 5


@pytest.mark.parametrize("name", ["bootstrap", "standard errors", "stability", "tree", "comparison", "directions"])
def test_tables_have_the_cells_of_the_text(name):
    result = RESULTS[name]()
    cells = [" ".join(cell.itertext()).split() for cell in parsed(result._repr_html_()).findall(".//td")]
    words = {word for cell in cells for word in cell}
    assert words
    assert words <= set(str(result).split())


def test_a_mixture_has_a_line_for_each_component_or_for_each_feature():
    tree = parsed(FITTED.mixture_._repr_html_())
    assert [[cell.text for cell in line][:2] for line in tree.findall(".//tbody/tr")] == [
        ["0", "0.6441"],
        ["1", "0.3559"],
    ]
    wide = Mixture.from_parameters(np.full(12, 1 / 12), np.zeros((12, 60)), np.ones((12, 60)), covariance_type="diag")
    lines = parsed(wide._repr_html_()).findall(".//tr")
    assert len(lines[0]) == 9
    assert len(lines) == 42
    assert "not shown: 4 components and 20 features" in wide._repr_html_()


@pytest.mark.parametrize("estimator", [GaussianMixture, BayesianGaussianMixture])
def test_a_fitted_estimator_shows_its_result_below_the_diagram(estimator):
    fitted = estimator(n_components=2, random_state=0).fit(ERUPTIONS)
    words = " ".join(parsed(shown(fitted)).itertext())
    assert fitted.stop_reason_ in words
    assert f"{fitted.lower_bound_:.6f}"[:-2] in words
    assert "Mixture of 2 components in 2 features" in words


def test_a_search_shows_its_reason_and_its_table():
    words = " ".join(parsed(shown(SEARCH)).itertext())
    assert SEARCH.reason_ in words
    assert "BIC relative to" in words
    assert "Mixture of" in words


def test_without_a_fit_in_a_pipeline_and_as_text_scikit_learns_representation_remains():
    unfitted = GaussianMixture(2)
    assert "sk-top-container" in unfitted._repr_html_()
    assert "Mixture of" not in unfitted._repr_html_()
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(2, random_state=0)).fit(ERUPTIONS)
    assert "GaussianMixture" in pipeline._repr_html_()
    assert "Mixture of" not in pipeline._repr_html_()
    with config_context(display="text"):
        assert not hasattr(FITTED, "_repr_html_")
        assert set(FITTED._repr_mimebundle_()) == {"text/plain"}
    assert FITTED._repr_mimebundle_()["text/html"].endswith(shown(FITTED))


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateDataWarning")
@pytest.mark.parametrize(
    "model",
    [
        StudentMixture(2, random_state=0),
        StudentMixture(2, degrees_of_freedom=1.5, random_state=0),
        GaussianMixture(2, covariance_type="factor", n_factors=1, random_state=0),
        GaussianMixture(2, trim=0.1, random_state=0),
        GaussianMixture(2, noise="uniform", random_state=0),
    ],
    ids=str,
)
def test_fits_without_moments_are_shown(model):
    rows = np.column_stack([load_old_faithful()[0], np.ones(272)])  # the constant column is left out
    assert type(model).__name__ in model.fit(rows)._repr_html_()
    assert not hasattr(model, "moments_")
