"""The explanation of the choice of a model."""

import math

import numpy as np
import pytest
from helpers.searches import TYPES

from gaussmix import GaussianMixtureIC
from gaussmix.selection import SelectionTable
from gaussmix.selection.criteria import differences_in_words
from gaussmix.selection.explanation import explain


def with_table(search, **columns):
    """The table of a search with some columns of it changed."""
    arrays = {name: column for name, column in search.results_.to_arrays().items() if name != "difference"}
    return SelectionTable(search.results_.criterion, 2, search.results_.best, **(arrays | columns))


def test_reason_names_winner_runner_up_and_what_the_difference_means(search):
    results = search.results_
    second = np.sort(results.bic)[1] - results.bic.min()
    assert search.reason_.startswith(
        f"tied (EEE) with 3 components: BIC {search.best_score_:.2f}, the lowest of 16 sound"
    )
    assert f"{second:.2f} below the next ({differences_in_words(second)} evidence)" in search.reason_
    text = " ".join(str(search.why()).split())
    assert f"odds of about {math.exp(second / 2):.3g} to 1" in text
    assert "Kass and Raftery 1995" in text
    assert "by components tied (EEE) 1 +293.3" in text
    assert "ICL full (VVV) 2" in text or "ICL VEE 2" in text
    assert "components overlap" in text
    assert "at the edge" not in text
    assert "doubtful" not in text


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([2, 3], "3 is the largest number of components fitted: extend(X, n_components=range(4, 8))"),
        ([3, 4], "3 is the smallest number of components fitted: extend(X, n_components=range(1, 3))"),
        ([3], None),
    ],
)
def test_reason_warns_of_a_winner_at_the_edge(numbers, said, eruptions):
    search = GaussianMixtureIC(numbers, covariance_types=["EEE"], random_state=0).fit(eruptions)
    assert search.best_n_components_ == 3
    text = " ".join(str(search.why()).split())
    if said is None:
        assert "were fitted: extend" not in text
    else:
        assert said in text


@pytest.mark.parametrize(
    ("criterion", "said"),
    [("aic", "Burnham and Anderson 2002"), ("aicc", "Burnham and Anderson 2002"), ("icl", "ICL has no scale")],
)
def test_reason_says_what_a_difference_of_the_criterion_means(criterion, said, search):
    table = SelectionTable.of(search.cells_, criterion, 2, TYPES)
    text = " ".join(str(explain(table)).split())
    assert said in text
    assert "Bayes factor" not in text


def test_reason_lists_ties(search):
    bic = search.results_.bic.copy()
    near = int(search.results_.ranked[1])
    bic[near] = bic.min() + 0.5
    text = str(explain(with_table(search, bic=bic)))
    assert f"{search.results_.name_of(near)} (+0.50)" in text


def test_reason_warns_of_weights_that_are_no_counts(eruptions):
    search = GaussianMixtureIC([1], covariance_types=["EII"], random_state=0)
    search.fit(eruptions, sample_weight=np.full(len(eruptions), 0.25))
    assert "the weights of 272 rows sum to 68" in " ".join(str(search.why()).split())
