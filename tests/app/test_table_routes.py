"""The room for tables without a browser: what the server answers is what Python gives."""

import io
import shlex
import time

import numpy as np
import pandas as pd
import pytest
from helpers.command_line import succeeds

from gaussmix import GaussianMixture, GaussianMixtureIC, Mixture, trace_em
from gaussmix.app.presence import Presence
from gaussmix.app.server import build
from gaussmix.app.state import AppState
from gaussmix.datasets import load_old_faithful
from gaussmix.diagnostics.outliers import flag_rows

testclient = pytest.importorskip("starlette.testclient")
pytestmark = pytest.mark.slow


class Room:
    """The room of a table, spoken to as the page does."""

    def __init__(self, client, document):
        self.client, self.base = client, f"/token/documents/{document.id}/table/"

    def get(self, path, status=200, **query):
        return self._answer(self.client.get(self.base + path, params=query), status)

    def post(self, path, status=200, **body):
        return self._answer(self.client.post(self.base + path, json=body), status)

    def work(self, path, **body):
        job = self.post(path, **body)["job"]
        while (found := self.client.get(f"/token/jobs/{job}").json())["state"] in ("waiting", "running"):
            time.sleep(0.02)
        return found

    @staticmethod
    def _answer(response, status):
        assert response.status_code == status, response.text
        return response.json() if response.headers["content-type"].startswith("application/json") else response


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    state = AppState(tmp_path_factory.mktemp("app"))
    yield state
    state.jobs.close()


@pytest.fixture
def room_of(state, tmp_path):
    client = testclient.TestClient(build(state, "token", 8000, Presence()), base_url="http://127.0.0.1:8000")

    def room(table, name="table.csv", **options):
        path = tmp_path / name
        if isinstance(table, bytes):
            path.write_bytes(table)
        elif name.endswith(".parquet"):
            table.to_parquet(path, index=False)
        else:
            table.to_csv(path, index=False, **options)
        return Room(client, state.documents.add(path, name))

    return room


@pytest.fixture(scope="module")
def eruptions():
    rows, names = load_old_faithful()
    return pd.DataFrame(rows, columns=list(names))


def test_columns_that_tell_something_are_chosen_at_first(room_of):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"id": range(30), "name": ["x", "y", ""] * 10, "same": 1, "a": rng.normal(size=30), "b": 2.5})
    table["b"] = [None, *rng.normal(size=29)]
    found = room_of(table).get("info")
    assert [column["name"] for column in found["columns"] if column["chosen"]] == ["a", "b"]
    assert [column["is_number"] for column in found["columns"]] == [True, False, True, True, True]
    assert [column["n_missing"] for column in found["columns"]] == [0, 10, 0, 0, 1]
    assert found["columns"][0]["note"] == "0 to 29, numbers the rows"


@pytest.mark.parametrize("n_columns", [1, 3, 8, 30])
def test_at_most_eight_columns_are_chosen_at_first(room_of, n_columns):
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(25, n_columns))).rename(columns="c{}".format)
    found = room_of(table).get("info")
    assert sum(column["chosen"] for column in found["columns"]) == min(8, n_columns)
    assert len(found["columns"]) == n_columns


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n", "has no rows"),
        (b"a,b\n1,2,3\n4,5,6\n", "more cells than its header"),
        (b'a,b\n1,"2\n', "quotation mark"),
    ],
)
def test_what_is_no_table_is_refused(room_of, content, message):
    assert message in room_of(content).get("info", status=400)["error"]


@pytest.mark.parametrize("first", [b"2019,2020,2021\n", b"0,1,2\n", b"1000,2000,5000\n"])
def test_a_doubtful_first_line_is_read_as_names_until_the_user_says_otherwise(room_of, first):
    room = room_of(first + b"1.5,2.5,7.5\n2.5,3.5,1.5\n3.5,1.25,2.75\n")
    found = room.get("info")
    assert found["is_doubtful"]
    assert found["n_rows"] == 3
    found = room.get("info", header="row")
    assert (found["n_rows"], found["is_doubtful"]) == (4, False)
    assert [column["name"] for column in found["columns"]] == ["0", "1", "2"]


@pytest.mark.parametrize("name", ["table.csv", "table.tsv", "table.parquet", "semicolon.csv"])
def test_a_search_gives_the_models_of_python(room_of, eruptions, name):
    options = {"table.tsv": {"sep": "\t"}, "semicolon.csv": {"sep": ";", "decimal": ","}}.get(name, {})
    room = room_of(eruptions, name, **options)
    names = list(eruptions.columns)
    chosen = room.post("choose", columns=names)
    assert (chosen["n_rows"], chosen["n_drawn"]) == (272, 272)
    assert room.work("search", numbers="1:4", structures="sklearn")["state"] == "done"
    search = GaussianMixtureIC(range(1, 5), covariance_types="sklearn", random_state=0).fit(eruptions)
    models = room.get("models")
    assert models["best"] == "cell 3 tied"
    np.testing.assert_array_equal([line["value"] for line in models["lines"]], search.results_.bic)
    assert models["reason"] == search.reason_
    by_icl = search.results_.by("icl")
    spec = by_icl.spec_of(by_icl.best)
    assert room.get("models", criterion="icl")["best"] == f"cell {spec.n_components} {spec.covariance_type}"

    mixture = search.cells_[2, "full"].mixture
    saved = room.get("model.json", model="cell 2 full")
    assert saved["feature_names"] == names
    view = room.get("view", model="cell 2 full", features="1,0")
    np.testing.assert_array_equal(view["labels"], mixture.labels(eruptions))
    assert view["pairs"][0]["x"] == 1
    np.testing.assert_allclose(view["pairs"][0]["centers"], mixture.means[:, ::-1])
    row = room.get("row/5", model="cell 2 full")
    np.testing.assert_allclose(row["responsibilities"], mixture.responsibilities(eruptions)[5])
    assert row["cells"] == {name: f"{value:.10g}" for name, value in eruptions.iloc[5].items()}


def test_a_run_of_em_is_that_of_python(room_of, eruptions):
    room = room_of(eruptions)
    room.post("choose", columns=list(eruptions.columns))
    request = {"n_components": 3, "covariance_type": "VEV", "method": "random_from_data", "seed": 4, "n_iter": 7}
    assert room.work("em", **request)["state"] == "done"
    start = GaussianMixture(
        3, covariance_type="VEV", init_params="random_from_data", n_init=1, max_iter=0, random_state=4
    )
    trace = trace_em(eruptions, start.fit(eruptions).mixture_, 7)
    found = room.get("em")
    np.testing.assert_array_equal(found["log_likelihood"], trace.log_likelihood)
    assert len(found["titles"]) == 15
    assert "labels" not in room.get("view", model="em 0", features="0,1")
    e_step = room.get("view", model="em 7", features="0,1")
    np.testing.assert_array_equal(e_step["labels"], trace.mixtures[3].labels(eruptions))
    m_step = room.get("view", model="em 8", features="0,1")
    np.testing.assert_array_equal(m_step["labels"], trace.mixtures[3].labels(eruptions))
    np.testing.assert_allclose(m_step["pairs"][0]["centers"], trace.mixtures[4].means)
    assert "no probabilities" in room.get("rows.csv", status=400, model="em 0")["error"]
    assert "from 0 to 14" in room.get("view", status=400, model="em 15", features="0,1")["error"]


def test_em_starts_at_chosen_rows(room_of, eruptions):
    room = room_of(eruptions)
    room.post("choose", columns=list(eruptions.columns))
    assert room.work("em", n_components=2, means_at=[3, 8], n_iter=1)["state"] == "done"
    np.testing.assert_allclose(
        room.get("view", model="em 0", features="0,1")["pairs"][0]["centers"], eruptions.to_numpy()[[3, 8]]
    )
    for given in ({"means_at": [3]}, {"means_at": [3, 272]}, {"method": "magic"}, {"n_iter": 0}, {"seed": -1}):
        room.post("em", status=400, n_components=2, **given)


def test_a_download_is_that_of_the_command_line_and_selected_rows_are_a_part_of_it(room_of, eruptions):
    table = eruptions.assign(note=["007", "", "x"] * 90 + ["y", "z"])
    room = room_of(table)
    room.post("choose", columns=list(eruptions.columns))
    room.work("search", numbers="2")
    assert "No row is selected" in room.get("rows.csv", status=400, model="cell 2 full", which="selected")["error"]
    mixture = Mixture.from_parameters(**_parameters(room, "cell 2 full"))
    text = room.get("rows.csv", model="cell 2 full").text
    downloaded = pd.read_csv(io.StringIO(text), dtype={"note": str}, keep_default_na=False)
    assert list(downloaded.columns) == [*table.columns, "label", "p0", "p1"]
    assert list(downloaded["note"]) == list(table["note"])
    np.testing.assert_array_equal(downloaded["label"], mixture.labels(eruptions))
    np.testing.assert_allclose(downloaded[["p0", "p1"]], mixture.responsibilities(eruptions), rtol=1e-9)

    square = [[3.9, 69.5], [6, 69.5], [6, 100], [3.9, 100]]
    inside = (eruptions.iloc[:, 0] > 3.9) & (eruptions.iloc[:, 1] > 69.5)
    assert room.post("select", what="polygon", x=0, y=1, polygon=square)["n_selected"] == inside.sum()
    some = pd.read_csv(io.StringIO(room.get("rows.csv", model="cell 2 full", which="selected").text))
    np.testing.assert_array_equal(some["row"], np.flatnonzero(inside))
    room.post("select", what="interval", x=0, low=0, high=3, how="add")
    room.post("select", what="rows", rows=[0], how="remove")
    wanted = (inside | (eruptions.iloc[:, 0] <= 3)).to_numpy().copy()
    wanted[0] = False
    np.testing.assert_array_equal(room.get("selection")["drawn"], wanted)
    labels = mixture.labels(eruptions)
    assert room.post("select", what="component", component=1, model="cell 2 full")["n_selected"] == (labels == 1).sum()
    for bad in ([], [[0, 0], [1, 1]], [[0, 0], [1, 1], [0, "x"]], [[0, 0], [1, 1], [None, 1]]):
        room.post("select", status=400, what="polygon", x=0, y=1, polygon=bad)


def _parameters(room, key):
    saved = room.get("model.json", model=key)
    return {
        "weights": saved["weights"],
        "means": saved["means"],
        "covariances": saved["covariances"],
        "covariance_type": saved["covariance_type"],
    }


@pytest.mark.parametrize(("alpha", "control"), [(0.05, "each"), (0.3, "fdr"), (0.01, "each")])
def test_outliers_are_those_of_python_among_complete_rows(room_of, eruptions, alpha, control):
    table = eruptions.copy()
    table.iloc[::20, 1] = np.nan
    table.iloc[3] = [3.0, 96.0]
    room = room_of(table)
    room.post("choose", columns=list(table.columns))
    room.work("search", numbers="2")
    found = room.get("outliers", model="cell 2 full", alpha=alpha, control=control)
    complete = table.notna().all(axis=1).to_numpy()
    saved = room.get("rows.csv", model="cell 2 full", alpha=alpha, control=control)
    saved = pd.read_csv(io.StringIO(saved.text))
    assert saved["p_value"].isna().tolist() == (~complete).tolist()
    flags = flag_rows(saved["p_value"].to_numpy()[complete], alpha, control)
    assert found["n_tested"] == complete.sum()
    assert found["rows"] == np.flatnonzero(complete)[flags].tolist()
    assert 3 in found["rows"]
    assert saved["outlier"].sum() == flags.sum() == len(found["listed"])
    selected = room.post("select", what="outliers", model="cell 2 full", alpha=alpha, control=control)
    assert selected["n_selected"] == flags.sum()


def test_the_report_is_a_page_of_its_own(room_of, eruptions):
    room = room_of(eruptions)
    room.post("choose", columns=list(eruptions.columns))
    room.work("search", numbers="1:2", structures="sklearn")
    for model in (room.get("models")["best"], "cell 1 diag"):
        assert room.work("report", model=model)["state"] == "done"
        page = room.get("report.html")
        assert "Other models" in page.text
        assert "attachment" in page.headers["content-disposition"]


@pytest.mark.parametrize("which", ["best", "other", "em"])
def test_the_lines_for_python_give_the_downloaded_labels(room_of, eruptions, which, tmp_path, monkeypatch):
    table = eruptions.rename(columns={"waiting": "waiting, 'min'"})
    table.iloc[4, 0] = np.nan
    room = room_of(table, "my table.csv")
    room.post("choose", columns=list(table.columns))
    if which == "em":
        room.work("em", n_components=3, method="k-means++", means_at=[0, 5, 9], n_iter=4)
        key = "em 6"
    else:
        room.work("search", numbers="1,2,4", structures="sklearn", seed=3)
        key = room.get("models")["best"] if which == "best" else "cell 4 diag"
    monkeypatch.chdir(tmp_path)
    lines, names = room.get("equivalent", model=key), {}
    exec(lines["python"], names)
    if which == "em":
        key = "em 7"  # rows are assigned in the E-step after the M-step that is shown
    downloaded = pd.read_csv(io.StringIO(room.get("rows.csv", model=key).text))
    np.testing.assert_array_equal(downloaded["label"], names["labels"])
    for component, share in enumerate(names["probabilities"].T):
        np.testing.assert_allclose(downloaded[f"p{component}"], share, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "columns", "header"),
    [
        ("table.csv", ["eruptions", "waiting"], "auto"),
        ("my 'table'.csv", ["a, b", 'the "wait"'], "auto"),
        ("-odd.csv", ["eruptions"], "names"),
        ("years.csv", ["2019", "2020"], "names"),
        ("bare.csv", ["0", "1"], "row"),
    ],
)
@pytest.mark.parametrize("model", ["best", "cell 2 tied"])
def test_the_command_lines_give_the_same_rows(room_of, eruptions, name, columns, header, model, tmp_path, monkeypatch):
    table = eruptions.iloc[:, : len(columns)].set_axis(columns, axis=1)
    room = room_of(table.to_csv(index=False, header=header != "row").encode(), name)
    room.get("info", header=header)
    room.post("choose", columns=columns)
    room.work("search", numbers="2", structures="sklearn")
    key = room.get("models")["best"] if model == "best" else model
    monkeypatch.chdir(tmp_path)
    for line in room.get("equivalent", model=key)["command"].splitlines():
        if not line.startswith("#"):
            succeeds(*shlex.split(line)[1:])
    downloaded = pd.read_csv(io.StringIO(room.get("rows.csv", model=key).text))
    written = pd.read_csv(tmp_path / "rows.csv")
    shares = ["p0", "p1"]
    pd.testing.assert_frame_equal(written.drop(columns=shares), downloaded.drop(columns=shares))
    np.testing.assert_allclose(written[shares], downloaded[shares], atol=0.02)
    assert (tmp_path / "report.html").exists()


def test_rows_with_missing_values_and_single_columns_can_be_fitted(room_of):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"x": rng.normal(size=60), "y": rng.normal(size=60), "none": np.nan, "word": "w"})
    table.loc[::7, "x"] = np.nan
    table.loc[3] = np.nan
    room = room_of(table)
    assert "not numbers" in room.post("choose", status=400, columns=["x", "none"])["error"]
    assert "not numbers" in room.post("choose", status=400, columns=["word"])["error"]
    assert "at least one" in room.post("choose", status=400, columns=[])["error"]
    for columns in (["x"], ["x", "y"]):
        assert room.post("choose", columns=columns)["n_incomplete"] == table[columns].isna().any(axis=1).sum()
        assert room.work("search", numbers="1:3")["state"] == "done"
        features = ",".join(map(str, range(len(columns))))
        view = room.get("view", model=room.get("models")["best"], features=features)
        assert len(view["labels"]) == 60
        points = room.get("points", features=features)
        assert points["values"][0][3] is None
        assert len(view["pairs"]) == len(columns) - 1
        assert room.work("em", n_components=2, n_iter=2)["state"] == "done"


def test_of_many_rows_at_most_five_thousand_are_drawn(room_of):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=20_000), "y": rng.normal(size=20_000)})
    room = room_of(table)
    chosen = room.post("choose", columns=["x", "y"])
    assert (chosen["n_rows"], chosen["n_drawn"]) == (20_000, 5_000)
    points = room.get("points", features="0,1")
    np.testing.assert_array_equal(points["values"][0], table["x"].to_numpy()[points["rows"]])
    assert (
        room.post("select", what="polygon", x=0, y=1, polygon=[[0, -9], [9, -9], [9, 9], [0, 9]])["n_selected"]
        == (table["x"] > 0).sum()
    )


def test_other_columns_begin_anew(room_of, eruptions):
    room = room_of(eruptions)
    first, second = eruptions.columns
    room.post("choose", columns=[first, second])
    room.work("search", numbers="1:2")
    assert room.get("state")["has_models"]
    room.post("choose", columns=[first, second])
    assert room.get("state")["has_models"]
    room.post("choose", columns=[first])
    assert not room.get("state")["has_models"]
    assert "Search models first" in room.get("models", status=400)["error"]


@pytest.mark.parametrize("end", ["other columns", "another search", "closed"])
def test_a_search_that_nobody_waits_for_is_canceled(room_of, state, end):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(3_000, 4))).rename(columns="c{}".format)
    room = room_of(table)
    room.post("choose", columns=["c0", "c1", "c2"])
    job = room.post("search", numbers="1:100", structures="all")["job"]
    assert room.get("state")["running"] == {"search": job}
    match end:
        case "other columns":
            room.post("choose", columns=["c0"])
        case "another search":
            assert room.work("search", numbers="1")["state"] == "done"
        case _:
            room.client.delete(room.base.removesuffix("/table/"))
    while not state.jobs[job].ended:
        time.sleep(0.02)
    assert state.jobs[job].state == "canceled"


@pytest.mark.parametrize(
    "query",
    [
        {"model": "cell 2 full", "features": "0,5"},
        {"model": "cell 2 full", "features": "0,0"},
        {"model": "cell 2 full", "features": ""},
        {"model": "cell 99 full", "features": "0"},
        {"model": "cell x full", "features": "0"},
        {"model": "../x", "features": "0"},
        {"model": "em 1", "features": "0"},
        {"features": "0"},
    ],
)
def test_impossible_views_are_refused(room_of, eruptions, query):
    room = room_of(eruptions)
    room.post("choose", columns=list(eruptions.columns))
    room.work("search", numbers="2")
    room.get("view", status=400, **query)


@pytest.mark.parametrize("numbers", ["", "0", "3:1", "a", "1:1000", "51:60"])
def test_impossible_numbers_of_components_are_refused(room_of, eruptions, numbers):
    room = room_of(eruptions.head(50))
    room.post("choose", columns=list(eruptions.columns))
    room.post("search", status=400, numbers=numbers)
