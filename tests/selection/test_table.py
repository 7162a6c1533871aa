"""The table of a search over models: its columns, its best model, and what it exports."""

import csv
import io
import json
from dataclasses import replace

import pytest
from helpers.searches import TYPES, with_doubts
from numpy.testing import assert_array_equal

from gaussmix.fitting.stopping import Stop
from gaussmix.selection import Cell, ModelSpec, SelectionTable
from gaussmix.selection.explanation import explain


def test_doubtful_models_do_not_win_while_a_sound_one_is_there(search):
    best = (search.best_n_components_, search.best_covariance_type_)
    cells = dict(search.cells_) | {best: with_doubts(search.cells_[best])}
    table = SelectionTable.of(cells, "bic", 2, TYPES)
    assert (table.n_components[table.best], table.covariance_type[table.best]) != best
    assert table.difference.min() < 0
    reason = explain(table)
    assert f"tied ({best[1]}) with {best[0]} components has a BIC" in str(reason)
    assert "spurious" in str(reason)
    assert any("is unsound" in text for text in reason.warnings)


def test_among_doubtful_models_those_with_the_fewest_unsound_components_win(search):
    cells = {key: with_doubts(cell) for key, cell in search.cells_.items() if key[0] > 1}
    table = SelectionTable.of(cells, "bic", 2, TYPES)
    assert (table.n_components[table.best], table.n_unsound[table.best]) == (2, 2)
    assert (table.difference < 0).any()
    assert "No model is sound" in str(explain(table)).replace("\n", " ")
    unfinished = {
        key: replace(cell, fit=replace(cell.fit, stop=Stop.INTERRUPTED)) for key, cell in search.cells_.items()
    }
    table = SelectionTable.of(unfinished, "bic", 2, TYPES)
    assert (table.n_components[table.best], table.covariance_type[table.best]) == (3, "EEE")
    assert not table.converged.any()


def test_table_is_read_only_and_knows_its_columns(search):
    results = search.results_
    with pytest.raises(ValueError, match="read-only"):
        results.bic[0] = 0.0
    assert_array_equal(results["bic"], results.bic)
    assert results["difference"][results.best] == 0
    with pytest.raises(KeyError, match="there is no column 'BIC'"):
        results["BIC"]


def test_table_becomes_dict_csv_and_json_without_losing_a_digit(search, tmp_path):
    failed = Cell.failed(ModelSpec(9, "VVV"), "there is nothing")
    results = SelectionTable.of({**search.cells_, failed.spec: failed}, "bic", 2, TYPES)
    columns = results.to_dict()
    assert columns["bic"][-1] is None
    assert columns["bic"][:-1] == results.bic[:-1].tolist()
    lines = list(csv.DictReader(io.StringIO(results.to_csv(tmp_path / "models.csv"))))
    assert (tmp_path / "models.csv").read_text() == results.to_csv()
    assert [float(line["bic"]) for line in lines[:-1]] == columns["bic"][:-1]
    assert lines[-1]["trouble"] == "there is nothing"
    assert lines[-1]["bic"] == ""
    content = json.loads(results.to_json(tmp_path / "models.json"))
    assert json.loads((tmp_path / "models.json").read_text()) == content
    assert [line["bic"] for line in content["models"]] == columns["bic"]
    assert content["best"] == content["models"][results.best]
    assert content["criterion"] == "bic"
