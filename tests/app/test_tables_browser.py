"""The room for tables in a browser: what is seen, saved and said is what Python gives."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from helpers.app_server import running_server

from gaussmix import GaussianMixture, GaussianMixtureIC, trace_em
from gaussmix.datasets import load_old_faithful

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def eruptions():
    rows, names = load_old_faithful()
    return pd.DataFrame(rows, columns=list(names))


@pytest.fixture(scope="module")
def search(eruptions):
    return GaussianMixtureIC(range(1, 10), covariance_types="sklearn", random_state=0).fit(eruptions)


def opened(page, table, name="table.csv"):
    """Open a table and wait for its first search."""
    content = table if isinstance(table, bytes) else table.to_csv(index=False).encode()
    page.set_input_files("#file", {"name": name, "mimeType": "text/csv", "buffer": content})
    page.wait_for_selector(f"#document-name:text-is('{name}')")
    page.wait_for_selector(".legend strong", timeout=60_000)
    return page


def saved(page, text):
    """Press a button that saves a file; return its content."""
    with page.expect_download() as download:
        page.get_by_role("button", name=text, exact=True).click()
    return download.value.path().read_text(encoding="utf-8")


def lasso(page, left, right, **options):
    """Drag around a part of the plot: shares of its width from the left, and nearly its whole height."""
    box = page.locator(".plot").bounding_box()
    x = [box["x"] + 57 + share * (box["width"] - 72) for share in (left, right)]
    y = [box["y"] + 11, box["y"] + box["height"] - 41]
    for key in options.get("keys", ()):
        page.keyboard.down(key)
    page.mouse.move(x[0], y[0])
    page.mouse.down()
    for place in ((x[1], y[0]), (x[1], y[1]), (x[0], y[1])):
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    for key in options.get("keys", ()):
        page.keyboard.up(key)


def n_selected(page):
    return int(re.match(r"[\d,]+|No", page.locator("#panel p:text('selected')").inner_text())[0].replace(",", ""))


def test_the_table_of_models_is_that_of_python_and_its_cells_are_shown(page, eruptions, search):
    opened(page, eruptions)
    results = search.results_
    for line in range(len(results)):
        spec = results.spec_of(line)
        cell = page.locator(f".cell[data-key='cell {spec.n_components} {spec.covariance_type}']")
        assert f"BIC {float(f'{results.bic[line]:.7g}'):g}"[:8] in cell.get_attribute("aria-label")[:60]
    best = page.locator(".cell.best")
    assert best.get_attribute("data-key") == "cell 3 tied"
    assert best.get_attribute("aria-pressed") == "true"
    assert page.locator(".reason").inner_text() == search.reason_

    page.locator(".cell[data-key='cell 2 full']").click()
    page.wait_for_selector(".legend strong:text('full (VVV) 2')")
    weights = search.cells_[2, "full"].mixture.weights
    shown = page.locator(".legend button").all_inner_texts()
    assert shown == [f"{component}: {100 * weight:.1f} %" for component, weight in enumerate(weights)]
    page.select_option("select[aria-label=Criterion]", "icl")
    by_icl = results.by("icl")
    spec = by_icl.spec_of(by_icl.best)
    page.wait_for_selector(f".cell.best[data-key='cell {spec.n_components} {spec.covariance_type}']")


def test_the_row_under_the_cursor_has_its_probabilities(page, eruptions, search):
    opened(page, eruptions)
    box = page.locator(".plot").bounding_box()
    tip = page.locator(".tip")
    for share in np.linspace(0.1, 0.9, 40):
        page.mouse.move(box["x"] + 60 + share * (box["width"] - 80), box["y"] + 0.45 * box["height"])
        page.wait_for_timeout(120)
        if tip.is_visible():
            break
    row = int(re.match(r"Row (\d+)", tip.inner_text())[1])
    share = search.mixture_.responsibilities(eruptions)[row]
    assert tip.locator(".tip-title").inner_text() == f"Row {row}: component {share.argmax()}"
    text = tip.locator(".shares tr").first.inner_text()
    assert text.split()[0] == str(share.argmax())
    assert "> 99.9 %" in text or f"{100 * share.max():.1f} %" in text
    assert f"{eruptions.iloc[row, 0]:g}" in tip.inner_text()


def test_rows_within_a_lasso_are_selected_and_saved(page, eruptions, search):
    opened(page, eruptions.assign(word="w"))
    lasso(page, 0, 0.5)
    page.wait_for_selector("#status:text('selected')")
    some = pd.read_csv(io.StringIO(saved(page, "Selected rows")))
    first = eruptions.columns[0]
    left_out = eruptions.drop(index=some["row"])
    assert 0 < len(some) == n_selected(page) < 272
    assert some[first].max() < left_out[first].min()
    assert list(some.columns) == ["row", *eruptions.columns, "word", "label", "p0", "p1", "p2"]
    np.testing.assert_array_equal(some["label"], search.predict(eruptions)[some["row"]])
    np.testing.assert_allclose(some[["p0", "p1", "p2"]], search.predict_proba(eruptions)[some["row"]], rtol=1e-9)

    before = n_selected(page)
    lasso(page, 0.5, 1, keys=["Shift"])
    page.wait_for_selector("#panel p:text('272 of 272 rows are selected')")
    lasso(page, 0, 0.5, keys=["Alt"])
    page.wait_for_selector(f"#panel p:text('{272 - before} of 272 rows are selected')")
    page.get_by_role("button", name="None", exact=True).last.click()
    page.wait_for_selector("#panel p:text('No row is selected')")

    everything = pd.read_csv(io.StringIO(saved(page, "All rows, labeled")))
    np.testing.assert_array_equal(everything["label"], search.predict(eruptions))
    page.locator(".legend button").first.click()
    n_first = (search.predict(eruptions) == 0).sum()
    page.wait_for_selector(f"#panel p:text('{n_first} of 272 rows are selected')")


def test_the_model_the_report_and_the_lines_are_given_away(page, eruptions, search, tmp_path, monkeypatch):
    opened(page, eruptions)
    assert '"covariance_type": "tied"' in saved(page, "Model")
    columns = [*search.results_.names[:-2], "difference"]  # all but the time
    models = pd.read_csv(io.StringIO(saved(page, "Table of models")), keep_default_na=False)
    python = pd.read_csv(io.StringIO(search.results_.to_csv()), keep_default_na=False)
    pd.testing.assert_frame_equal(models[columns], python[columns])
    assert "What sets components apart" in saved(page, "Report")
    page.get_by_text("As command and Python lines").click()
    page.wait_for_selector("pre:text('GaussianMixtureIC')")
    eruptions.to_csv(tmp_path / "table.csv", index=False)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(page.locator("pre[aria-label='Python lines']").inner_text(), names)
    np.testing.assert_array_equal(names["labels"], search.predict(eruptions))
    command = page.locator("pre[aria-label='Command lines']").inner_text()
    assert command.startswith("gaussmix select table.csv -k 1:9 --covariance-type sklearn")


def test_outliers_are_marked_with_reasons(page, eruptions):
    table = eruptions.copy()
    table.iloc[7] = [2.9, 97]
    opened(page, table)
    page.get_by_label("Mark outliers").check()
    page.get_by_label("Bound on").select_option("each")
    page.get_by_text("Reasons").click()
    assert "7" in page.locator("#panel tbody tr td:first-child").all_inner_texts()
    page.get_by_role("button", name="Outliers", exact=True).click()
    page.wait_for_selector("#panel p:text('of 272 rows are selected')")
    assert "p_value,outlier" in saved(page, "Selected rows").splitlines()[0]


def test_em_is_stepped_and_played(page, eruptions):
    opened(page, eruptions)
    page.get_by_label("Passes").fill("4")
    page.get_by_role("button", name="Run EM").click()
    title = page.locator(".em-title")
    page.wait_for_selector(".em-title:text('Start')")
    start = GaussianMixture(3, init_params="kmeans", n_init=1, max_iter=0, random_state=0).fit(eruptions)
    trace = trace_em(eruptions, start.mixture_, 4)
    assert title.inner_text() == f"Start: log-likelihood {trace.log_likelihood[0]:.4f} per row"
    assert page.locator(".legend button").first.is_disabled()
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_selector(".em-title:text('Pass 1 of 4, E-step')")
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_selector(f".em-title:text('Pass 1 of 4, M-step: log-likelihood {trace.log_likelihood[1]:.4f}')")
    page.get_by_role("button", name="Play").click()
    page.wait_for_selector(f".em-title:text('Pass 4 of 4, M-step: log-likelihood {trace.log_likelihood[4]:.4f}')")
    page.wait_for_selector("button:text-is('Play')")
    page.get_by_role("slider", name="Step of EM").press("Home")
    page.wait_for_selector(".em-title:text('Start')")
    page.locator(".cell.best").click()
    page.wait_for_selector(".em-title:text('Another model is shown')")


def test_em_starts_at_rows_that_are_clicked(page, eruptions):
    opened(page, eruptions)
    page.get_by_label("Start", exact=True).select_option("rows")
    page.get_by_role("button", name="Run EM").click()
    page.wait_for_selector("#error:not([hidden])")
    plot = page.locator("canvas.front")
    plot.press("Home")
    plot.press("Enter")
    plot.press("End")
    plot.press("Enter")
    page.wait_for_selector("#panel p:text('First means: rows ')")
    rows = [int(row) for row in re.findall(r"\d+", page.locator("#panel p:text('First means')").inner_text())]
    assert eruptions.iloc[rows, 0].tolist() == [eruptions.iloc[:, 0].min(), eruptions.iloc[:, 0].max()]
    page.get_by_role("button", name="Run EM").click()
    page.wait_for_selector(".legend strong:text('EM: full 2')")


def test_a_long_search_is_canceled_and_the_next_one_runs(page):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(3_000, 3)) + 3 * rng.integers(0, 3, size=(3_000, 1))).rename(
        columns="c{}".format
    )
    opened(page, table)
    page.get_by_label("Components", exact=True).first.fill("1:100")
    page.get_by_label("Structures").select_option("all")
    page.get_by_role("button", name="Search models").click()
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector("#status:text('canceled')")
    assert page.locator("#error").is_hidden()
    page.get_by_label("Components", exact=True).first.fill("2")
    page.get_by_role("button", name="Search models").click()
    page.wait_for_selector(".cell.best[data-key^='cell 2 ']")


def test_a_page_that_is_loaded_again_shows_the_same(page, eruptions):
    opened(page, eruptions.assign(third=np.arange(272) % 7))
    page.get_by_role("checkbox", name="third").uncheck()
    page.get_by_role("button", name="Use these columns").click()
    page.wait_for_selector(".cell.best[data-key='cell 3 tied'][aria-pressed='true']")
    lasso(page, 0, 0.4)
    page.wait_for_selector("#status:text('selected')")
    before = n_selected(page)
    page.locator(".cell[data-key='cell 2 diag']").click()
    page.wait_for_selector(".legend strong:text('diag (VVI) 2')")
    page.reload()
    page.wait_for_selector(".cell[data-key='cell 2 diag'][aria-pressed='true']")
    assert not page.get_by_role("checkbox", name="third").is_checked()
    assert n_selected(page) == before


def test_another_search_replaces_what_is_drawn(page, eruptions):
    opened(page, eruptions.assign(third=np.arange(272) % 7))
    page.get_by_role("checkbox", name="third").uncheck()
    page.get_by_role("button", name="Use these columns").click()
    page.wait_for_selector(".legend strong:text('tied (EEE) 3: BIC 2314.3')")
    page.get_by_role("checkbox", name="third").check()
    page.get_by_role("checkbox", name="waiting").uncheck()
    page.get_by_role("button", name="Use these columns").click()
    page.wait_for_selector("canvas.front[aria-label^='third against eruptions']")
    page.wait_for_selector(".cell.best[aria-pressed='true']")
    key = page.locator(".cell.best").get_attribute("data-key").split()
    python = GaussianMixtureIC(range(1, 10), covariance_types="sklearn", random_state=0)
    python.fit(np.column_stack([eruptions.iloc[:, 0], np.arange(272) % 7]))
    assert key == ["cell", str(python.best_n_components_), python.best_covariance_type_]


def test_the_keyboard_reaches_models_and_rows(page, eruptions):
    opened(page, eruptions)
    page.locator(".cell.best").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_selector(".cell[data-key='cell 4 full'][aria-pressed='true']")
    plot = page.locator("canvas.front")
    plot.press("Home")
    least = eruptions.iloc[:, 0].min()
    page.wait_for_selector(f".tip td:text-is('{least:g}')")
    plot.press("ArrowRight")
    plot.press(" ")
    page.wait_for_selector("#panel p:text('1 of 272 rows')")
    plot.press(" ")
    page.wait_for_selector("#panel p:text('No row is selected')")
    plot.press("Escape")
    page.wait_for_selector(".tip", state="hidden")


@pytest.mark.parametrize("kind", ["one column", "thirty columns", "many rows", "missing values", "semicolons"])
def test_tables_of_many_kinds_are_shown(page, kind):
    rng = np.random.default_rng(0)
    match kind:
        case "one column":
            opened(page, pd.DataFrame({"x": rng.normal(size=100)}))
            lasso(page, 0, 1)
            page.wait_for_selector("#panel p:text('100 of 100 rows')")
            assert page.get_by_role("button", name="Pairs").is_hidden()
        case "thirty columns":
            opened(page, pd.DataFrame(rng.normal(size=(60, 30))).rename(columns="c{}".format))
            assert "8 of 30 columns of numbers were chosen at first" in page.locator("#panel").inner_text()
            page.get_by_role("button", name="Pairs").click()
            page.wait_for_selector(".plot-note:text('The first 6 of 8 columns are shown')")
            page.get_by_role("button", name="All", exact=True).first.click()
            page.get_by_role("button", name="Use these columns").click()
            page.wait_for_selector(".plot-note:text('Double')", state="hidden")
            page.wait_for_selector("select[aria-label='Vertical axis'] option[value='29']", state="attached")
        case "many rows":
            table = pd.DataFrame(rng.normal(size=(100_000, 2))).rename(columns="c{}".format)
            opened(page, table.assign(city=rng.choice(["Oslo", "Ålesund"], 100_000)))
            assert "5,000 of 100,000 rows are drawn" in page.locator(".plot-note").inner_text()
            lasso(page, 0, 1)
            page.wait_for_selector("#status:text('100,000 rows selected')")
        case "missing values":
            table = pd.DataFrame({"x": rng.normal(size=90), "y": rng.normal(size=90), "when": "2024-01-01"})
            table.iloc[::9, 0] = np.nan
            opened(page, table)
            assert "10 rows have missing values" in page.locator(".plot-note").inner_text()
            assert page.get_by_label("when").is_disabled()
            page.get_by_label("Mark outliers").check()
            page.wait_for_selector("#panel p:text('of 80 rows are outliers')")
        case "semicolons":
            opened(page, b"a;b\n" + b"".join(b"%d,5;%d,25\n" % (at % 7, at * at % 11) for at in range(40)))
            assert "0.5 to 6.5" in page.locator(".column").first.inner_text()


def test_a_doubtful_first_line_is_said_and_can_be_changed(page):
    opened(page, b"2019,2020\n" + b"".join(b"%d.5,%d.25\n" % (at % 7, at * at % 11) for at in range(40)), "years.csv")
    assert "The first line may be a row" in page.locator("#panel").inner_text()
    page.get_by_label("First line").select_option("row")
    page.wait_for_selector("#panel p:text('41 rows, 2 columns')")
    page.wait_for_selector(".cell.best")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a,b\n1,2,3\n4,5,6\n", "more cells than its header"), (b"a,b\n", "has no rows"), (b"\x00\xff\xfe", "table")],
)
def test_what_is_no_table_is_refused_with_a_reason(page, content, message):
    page.set_input_files("#file", {"name": "bad.csv", "mimeType": "text/csv", "buffer": content})
    page.wait_for_selector("#error:not([hidden])")
    assert message in page.locator("#error").inner_text()
    page.expected("400")


@pytest.mark.parametrize(
    ("control", "wrong", "right", "action", "message"),
    [
        (".group:nth-of-type(2) input[type=text]", "9:1", "1:2", "Search models", "such as 1:9"),
        (".group:nth-of-type(2) input[type=number]", "-1", "1", "Search models", "Seed must be a whole number from 0"),
        ("label:text-is('Passes') + input", "0", "2", "Run EM", "Passes must be a whole number from 1 to 500"),
        ("label:text-is('Alpha') + input", "2", "0.1", "Outliers", "Alpha must be above 0 and below 1"),
    ],
)
def test_an_error_goes_when_it_is_corrected(page, eruptions, control, wrong, right, action, message):
    opened(page, eruptions)
    page.locator(f"#panel {control}").fill(wrong)
    page.get_by_role("button", name=action, exact=True).click()
    page.wait_for_selector(f"#error:has-text('{message}')")
    page.locator(f"#panel {control}").fill(right)
    page.get_by_role("button", name=action, exact=True).click()
    page.wait_for_selector("#error", state="hidden")
    page.wait_for_timeout(300)
    assert page.locator("#error").is_hidden()
    if action != "Outliers":  # which the page checks itself
        page.expected("400")


def test_a_table_of_text_says_what_it_needs(page):
    page.set_input_files("#file", {"name": "words.csv", "mimeType": "text/csv", "buffer": b"a,b\nx,y\nz,w\n"})
    page.wait_for_selector(".legend :text('Choose columns of numbers')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_page_and_every_control_has_a_name(new_page, address, eruptions, width, scheme):
    page = new_page(width, 800, color_scheme=scheme)
    page.goto(address)
    opened(page, eruptions.assign(third=np.arange(272) % 5, fourth=np.arange(272) ** 0.5))
    page.get_by_label("Mark outliers").check()
    page.get_by_role("button", name="Run EM").click()
    page.wait_for_selector(".em-title:text('Start')")
    page.get_by_text("As command and Python lines").click()
    page.wait_for_selector("pre:text('trace_em')")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("input:not([type=file]), select, button, [role=application]")]
        .filter((each) => !each.labels?.length && !each.ariaLabel && !each.textContent.trim())
        .map((each) => each.outerHTML)"""
    )
    assert unnamed == []


def test_the_file_of_the_command_line_is_shown_at_once(new_page, tmp_path, eruptions):
    eruptions.to_parquet(tmp_path / "eruptions.parquet")
    with running_server(tmp_path, tmp_path / "eruptions.parquet") as (address, _):
        page = new_page()
        page.goto(address)
        page.wait_for_selector(".cell.best[data-key='cell 3 tied']", timeout=60_000)
        page.close()  # it would ask the server that has ended
