"""Tables that are read in pieces by the command line: the same output as in memory."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from helpers.command_line import fails, succeeds
from helpers.stored import LIMIT, clusters, names_of, write_parquet
from rich.console import Console

from gaussmix.cli.console import fit_progress
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture

IN_PIECES = ["--memory-limit", LIMIT]


@pytest.fixture(scope="module")
def rows():
    return clusters(np.float32)


@pytest.fixture
def table(rows, tmp_path):
    return write_parquet(rows, tmp_path)


@pytest.fixture
def model(rows, tmp_path):
    means = np.random.default_rng(0).normal(0, 4, (3, 8))
    mixture = Mixture.from_parameters(
        np.full(3, 1 / 3), means, np.tile(np.eye(8), (3, 1, 1)), feature_names=names_of(rows)
    )
    mixture.save(tmp_path / "model.json")
    return tmp_path / "model.json"


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--weights", "c7"], ["--columns", "c2,c0", "--report"]])
def test_a_fit_in_pieces_is_that_in_memory(options, rows, tmp_path):
    table = tmp_path / "rows.parquet"
    frame = pd.DataFrame(np.abs(rows) if "c7" in options else rows, columns=names_of(rows))
    frame = frame if "--columns" not in options else pd.concat([frame] * 4)
    frame.to_parquet(table, index=False)
    output = tmp_path / "model.json"
    whole, model = succeeds("fit", table, "-k", 2, *options, "-o", output).stdout, output.read_bytes()
    pieces = succeeds("fit", table, "-k", 2, *options, *IN_PIECES, "-o", output).stdout
    assert output.read_bytes() == model
    assert _without_seconds(pieces) == _without_seconds(whole)


def _without_seconds(text):
    """Leave out the time that a fit took, and the spaces that fill its line."""
    return re.sub(r"in [\d.]+ seconds *", "", text)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy"])
def test_labels_in_pieces_are_those_in_memory(suffix, table, model, tmp_path):
    outputs = [tmp_path / f"{name}{suffix}" for name in ("whole", "pieces")]
    succeeds("predict", model, table, "--proba", "-o", outputs[0])
    succeeds("predict", model, table, "--proba", *IN_PIECES, "-o", outputs[1])
    whole, pieces = (
        np.load(path) if suffix == ".npy" else (pd.read_csv if suffix == ".csv" else pd.read_parquet)(path)
        for path in outputs
    )
    if suffix != ".npy":
        pd.testing.assert_frame_equal(whole, pieces)
    np.testing.assert_array_equal(whole, pieces)


def test_labels_in_pieces_are_printed_with_one_header(table, model):
    whole, pieces = (succeeds("predict", model, table, *options).stdout for options in ([], IN_PIECES))
    assert whole == pieces


def test_scores_in_pieces_are_those_in_memory(table, model):
    whole, pieces = (succeeds("score", model, table, *options).stdout for options in ([], IN_PIECES))
    assert whole == pieces


def test_columns_are_not_kept_in_pieces(table, model):
    message = fails("predict", model, table, "--join", *IN_PIECES, "-o", table.with_name("out.csv"))
    assert "leave out --keep and --join, or give a greater --memory-limit" in message


def test_a_fit_in_pieces_needs_complete_rows(rows, tmp_path):
    some = np.array(rows)
    some[1000, 3] = np.nan
    message = fails("fit", write_parquet(some, tmp_path), "-k", 2, *IN_PIECES)
    assert "has empty cells, and a fit in pieces needs complete rows" in message


def test_a_bad_limit_is_refused(table):
    assert "--memory-limit must be an amount of memory" in fails("fit", table, "-k", 2, "--memory-limit", "much")


@pytest.mark.parametrize(
    ("given", "shown"), [("1MB", "1 MB"), ("1000", "1 kB"), ("15.9 MB", "15.9 MB"), ("1MiB", "1.05 MB")]
)
def test_a_small_limit_is_refused_in_readable_units(given, shown, table):
    assert f"--memory-limit must be at least 16 MB; got {shown}." in fails(
        "fit", table, "-k", 2, "--memory-limit", given
    )


def test_progress_shows_rows_and_passes(rows, tmp_path):
    np.save(tmp_path / "rows.npy", np.concatenate([rows] * 5))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    mixture = Mixture.from_parameters([1.0], np.zeros((1, 8)), np.eye(8)[None])
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    with fit_progress(console, after=1e-9):
        for _ in range(2):
            NativeEngine(mapped).accumulate(mixture.whitened())
    text = console.file.getvalue()
    assert f"pass 2: {len(mapped):,} of {len(mapped):,} rows" in text
