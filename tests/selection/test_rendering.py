"""The table of a search as text and as HTML."""

from xml.etree import ElementTree

import pytest
from helpers.searches import TYPES, with_doubts

from gaussmix.selection import Cell, ModelSpec, SelectionTable
from gaussmix.selection.rendering import as_text, parts


def test_table_as_text_shows_differences_marks_and_a_legend(search):
    cells = dict(search.cells_) | {
        ModelSpec(9, "VVV"): Cell.failed(ModelSpec(9, "VVV"), "nothing"),
        (4, "EII"): with_doubts(search.cells_[4, "EII"]),
    }
    results = SelectionTable.of(cells, "bic", 2, TYPES)
    text = str(results)
    header, *lines = text.splitlines()[2:8]
    assert header.split() == ["K", *TYPES]
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4", "9"]
    assert lines[2].split()[2] == "0.0*"
    assert lines[3].split()[1] == f"{search.results_['difference'][12]:.1f}?"
    assert lines[4].split() == ["9", "x"]
    for line, k in zip(lines[:3], (1, 2, 3), strict=True):
        for name, cell in zip(TYPES, line.split()[1:], strict=True):
            difference = results.difference[(results.n_components == k) & (results.covariance_type == name)]
            assert float(cell.strip("*")) == pytest.approx(difference[0], abs=0.0501)
    assert "* best" in text
    assert "? doubtful" in text
    assert "x no fit; two names: tied (EEE) and full (VVV)" in text
    assert max(len(line) for line in as_text(results, 24).splitlines()[2:-1]) <= 24
    assert as_text(results, 24).count("\n K ") == 2


@pytest.mark.parametrize(
    ("n", "most", "sizes"), [(14, 8, [7, 7]), (14, 20, [14]), (3, 1, [1, 1, 1]), (5, 2, [2, 1, 2])]
)
def test_parts_are_of_nearly_equal_length(n, most, sizes):
    assert [len(part) for part in parts(n, most)] == sizes
    assert [at for part in parts(n, most) for at in part] == list(range(n))


def test_table_as_html_is_well_formed(search):
    tree = ElementTree.fromstring(search.results_._repr_html_().replace("<br>", "<br/>"))
    assert len(tree.findall(".//td/span")) == 16
    assert [cell.text for cell in tree.findall(".//td/span") if "bold" in cell.get("style", "")] == ["0.0*"]
