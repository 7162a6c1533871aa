"""``gaussmix bayes``: what it prints, what it writes, and one clear sentence when the input is wrong."""

import numpy as np
import pandas as pd
import pytest
from helpers.command_line import fails, succeeds

import gaussmix
from gaussmix import BayesianGaussianMixture
from gaussmix.core.posterior import Posterior
from gaussmix.datasets import load_old_faithful


@pytest.fixture
def table(tmp_path):
    rows, names = load_old_faithful()
    path = tmp_path / "eruptions.csv"
    pd.DataFrame(rows, columns=list(names)).assign(w=1 + np.arange(len(rows)) % 3).to_csv(path, index=False)
    return path


@pytest.mark.slow
def test_number_of_components_and_files_are_those_of_python(table, tmp_path):
    rows, names = load_old_faithful()
    files = tmp_path / "model.json", tmp_path / "posterior.json"
    choose = ["--columns", ",".join(names)]
    out = succeeds("bayes", table, "-k", 8, *choose, "-o", files[0], "--posterior", files[1]).stdout
    joined = " ".join(out.split())
    expected = BayesianGaussianMixture(n_components=8, random_state=0).fit(rows)
    assert f"at least {expected.lower_bound_:.3f} nats" in joined
    assert "components with rows 2 (100%)" in joined
    assert "removed 6 of 8 components had less than one expected row" in joined
    mixture, posterior = gaussmix.load(files[0]), Posterior.load(files[1])
    np.testing.assert_allclose(mixture.means, expected.means_)
    np.testing.assert_allclose(posterior.counts, expected.posterior_.counts)
    assert mixture.feature_names == posterior.feature_names == names


@pytest.mark.slow
def test_options_are_passed_on(table):
    rows, _ = load_old_faithful()
    weights = 1.0 + np.arange(len(rows)) % 3
    options = ["--covariance-type", "diag", "--prior", "dirichlet", "--concentration", 0.5, "--seed", 3]
    out = succeeds("bayes", table, "-k", 3, "--weights", "w", *options, "--report").stdout
    expected = BayesianGaussianMixture(
        n_components=3,
        covariance_type="diag",
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=0.5,
        random_state=3,
    ).fit(rows, sample_weight=weights)
    joined = " ".join(out.split())
    assert f"at least {expected.lower_bound_:.3f} nats" in joined
    assert "total weight" in joined
    assert "certainty" in joined


def test_errors_are_one_sentence(table, tmp_path):
    assert "weight_concentration_prior must be a positive number" in fails("bayes", table, "--concentration", -1)
    assert "has no column 'nowhere'" in fails("bayes", table, "--columns", "nowhere")
    for option in ("-o", "--posterior"):
        assert "is an input; write the output to another file" in fails("bayes", table, option, table)
    same = ["-o", tmp_path / "m.json", "--posterior", tmp_path / "m.json"]
    assert "cannot be both the model (-o) and the posterior (--posterior)" in fails("bayes", table, *same)
    (tmp_path / "one.csv").write_text("a,b\n1,2\n")
    assert "has 1 row; a fit needs at least 2" in fails("bayes", tmp_path / "one.csv")
