"""The first line of a CSV file: a header, a row, or doubtful."""

import numpy as np
import pytest

from gaussmix.tables import read_table


@pytest.mark.parametrize(
    "content",
    [
        "0,1\n10.1,1.2\n11.5,1.1\n",
        "2019,2020\n10.1,1.2\n11.0,1.1\n9.7,1.3\n",
        "1,2,3\n5,5,5\n6,6,6\n",
        '"7","9"\n1,2\n3,4\n',
        "12\n1.5\n2.5\n1e3\n",
        "1990;1991\n1,5;2\n3;4\n",
        "0\t1\n3\t2\n4\t4\n",
        "2020,2019\n10,1\n11,1\n12,2\n",
        "2010,2020,2025\n10,1,3\n11,1,4\n",
        "202001,202002\n10,1\n11,3\n12,2\n",
        "400.0,410.0,420.0\n0.1,0.2,0.3\n0.2,0.1,0.4\n0.4,0.3,0.1\n",
        "400,410,430\n1,2,3\n2,1,3\n4,5,1\n",
        "1e3;2e3\n1,5;2,5\n2,5;3,5\n3,5;1,25\n",
        "0.5,1.0,1.5,2.0\n3,1,4,1\n5,9,2,6\n",
        "7,12,31,5\n8.5,13.5,30,6.5\n" + 9 * "6.5,11.25,32.5,4.5\n",
    ],
)
def test_a_first_line_of_numbers_that_may_be_a_header_is_asked_about(content, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"table.csv: the first line, .*, may be a header; use --header if it is one"):
        read_table(path)
    lines = content.count("\n")
    assert read_table(path, header=True).rows.shape[0] == lines - 1
    assert read_table(path, header=True).named
    without = read_table(path, header=False)
    assert without.rows.shape[0] == lines
    assert not without.named


@pytest.mark.parametrize(
    "content",
    [
        "1,2\n3,4\n",
        "7,3\n1,2\n",
        "1.5,2\n2.5,3\n",
        "12,40\n13.5,41\n13.5,1\n",
        "0,1\n",
        "1990,1995\n1991,2001\n1992,1999\n",
        "1,1\n0.5,0.25\n0.25,0.5\n0.125,0.5\n",
        "5,1\n0,2\n0,3\n0,1\n",
        "1e308,-1e308\n-1e308,1e308\n1,2\n3,4\n",
    ],
)
def test_a_first_row_of_numbers_is_a_row(content, tmp_path):
    (tmp_path / "table.csv").write_text(content)
    assert read_table(tmp_path / "table.csv").rows.shape == (content.count("\n"), 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_rows_of_many_kinds_are_rows(seed, tmp_path):
    rng = np.random.default_rng(seed)
    n, d = rng.integers(4, 60), rng.integers(2, 6)
    for rows in (
        rng.normal(size=(n, d)),
        rng.integers(0, 10, (n, d)),
        rng.integers(1900, 2020, (n, d)),
        np.exp(2 * rng.normal(size=(n, d))),
        np.cumsum(rng.normal(size=(n, d)).round(1), axis=0),
        np.where(rng.random((n, d)) < 0.8, 0, rng.normal(size=(n, d))),
        np.c_[np.arange(n), rng.normal(size=(n, d - 1))],
    ):
        np.savetxt(tmp_path / "table.csv", rows, delimiter=",", fmt="%.10g")
        assert read_table(tmp_path / "table.csv").rows.shape == rows.shape


@pytest.mark.parametrize("content", ["1.5,2.5,\n3.5,4.25,\n", ",1.5\n2.5,3.5\n", "1,,3\n4,5,6\n", ";1,5\n2,5;3\n"])
def test_an_empty_cell_among_numbers_is_asked_about(content, tmp_path):
    (tmp_path / "table.csv").write_text(content)
    with pytest.raises(ValueError, match=r"the first line, .*, may be a header"):
        read_table(tmp_path / "table.csv")
    with pytest.raises(ValueError, match=r"missing or infinite values in .* in row 0"):
        read_table(tmp_path / "table.csv", header=False)


@pytest.mark.filterwarnings("ignore:The first column")
@pytest.mark.parametrize("content", [",0,1\n0,1.5,2\n", ",2019,2020\nx,1,2\n", '"",7,9\n1,2,3\n'])
def test_the_header_of_a_data_frame_with_an_index_may_have_numbers(content, tmp_path):
    (tmp_path / "table.csv").write_text(content)
    table = read_table(tmp_path / "table.csv")
    assert table.names == tuple(content.split("\n")[0].split(",")[1:])
    assert len(table.rows) == 1


@pytest.mark.parametrize("line", ["sep=,", '"sep=,"', "SEP=,", "# note\nsep=,"])
def test_a_line_that_states_the_separator_is_no_header(line, tmp_path):
    (tmp_path / "table.csv").write_text(f"{line}\na,b\n1,2\n")
    assert read_table(tmp_path / "table.csv").names == ("a", "b")
    (tmp_path / "table.csv").write_text(f"{line.replace(',', ';')}\n1,5;2\n2,5;3\n")
    np.testing.assert_array_equal(read_table(tmp_path / "table.csv").rows, [[1.5, 2], [2.5, 3]])
