"""Tables: three formats, the same numbers; everything else is refused by name."""

import gzip

import numpy as np
import pandas as pd
import pytest

from gaussmix.tables import column_names, read_table, table_as_csv, write_table


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    return rng.normal(size=(50, 2)) * 10.0 ** rng.integers(-20, 20, size=(50, 2))


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy", ".CSV"])
def test_what_is_written_comes_back_to_the_last_bit(suffix, numbers, tmp_path):
    path = tmp_path / f"table{suffix}"
    write_table(path, {"a": numbers[:, 0], "b, c": numbers[:, 1]})
    table = read_table(path)
    np.testing.assert_array_equal(table.rows, numbers)
    assert table.named == (suffix != ".npy")
    assert table.names == (("0", "1") if suffix == ".npy" else ("a", "b, c"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy"])
def test_columns_come_in_the_order_asked_for(suffix, numbers, tmp_path):
    path = tmp_path / f"table{suffix}"
    write_table(path, {"0": numbers[:, 0], "between": numbers[:, 0], "2": numbers[:, 1]})
    names, _ = column_names(path)
    table = read_table(path, [names[2], names[0]])
    np.testing.assert_array_equal(table.rows, numbers[:, ::-1])
    assert table.names == ("2", "0")


@pytest.mark.parametrize(("suffix", "kind"), [(".npy", "uint8"), (".npy", "float32"), (".parquet", "float32")])
def test_types_that_engines_read_are_kept(suffix, kind, tmp_path):
    path = tmp_path / f"table{suffix}"
    column = np.arange(6).astype(kind)
    write_table(path, {"a": column, "b": column})
    assert read_table(path).rows.dtype == kind


def test_whole_numbers_become_float64(tmp_path):
    path = tmp_path / "table.parquet"
    write_table(path, {"a": np.arange(3)})
    assert read_table(path).rows.dtype == np.float64


def test_csv_without_a_header_keeps_its_first_row(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("1,2\n3,4\n")
    table = read_table(path)
    np.testing.assert_array_equal(table.rows, [[1, 2], [3, 4]])
    assert not table.named


def test_csv_with_a_byte_order_mark_quotes_and_spaces_is_read(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('"a", "b"\r\n1, 2\r\n', encoding="utf-8-sig")
    table = read_table(path)
    assert table.names == ("a", "b")
    np.testing.assert_array_equal(table.rows, [[1, 2]])


@pytest.mark.parametrize(
    ("content", "names", "rows"),
    [
        ("a;b\n1,5;2\n-3;4,25e2\n", ("a", "b"), [[1.5, 2], [-3, 425]]),
        ('a, net;b\n1,5;2,5\n3;"4"\n', ("a, net", "b"), [[1.5, 2.5], [3, 4]]),
        ("1,5;2\n3;4,5\n", ("0", "1"), [[1.5, 2], [3, 4.5]]),
        ("a;b\n1.5;2\n3;4\n", ("a", "b"), [[1.5, 2], [3, 4]]),
        ("a\tb\n1.5\t2\n3\t4\n", ("a", "b"), [[1.5, 2], [3, 4]]),
        ("a;b\n123456789,123456789;1e-300\n0,1;2\n", ("a", "b"), [[123456789.123456789, 1e-300], [0.1, 2]]),
        ("price; EUR,b\n1.5,2\n3,4\n", ("price; EUR", "b"), [[1.5, 2], [3, 4]]),
        ('"a;b","c\td"\n1,2\n3,4\n', ("a;b", "c\td"), [[1, 2], [3, 4]]),
    ],
)
def test_csv_as_spreadsheets_write_it_is_read(content, names, rows, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(content, encoding="utf-8-sig")
    table = read_table(path)
    assert table.names == names
    np.testing.assert_array_equal(table.rows, rows)


@pytest.mark.parametrize(
    ("content", "names", "rows"),
    [
        ("a b\n1.0 2.0\n2.0 3.5\n", ("a", "b"), [[1, 2], [2, 3.5]]),
        ("  a    b\n  1.0  2.0\n 20.0 -3.5\n", ("a", "b"), [[1, 2], [20, -3.5]]),
        ("1.5 2.5 3.5\n4.5 5.5 6.5\n", ("0", "1", "2"), [[1.5, 2.5, 3.5], [4.5, 5.5, 6.5]]),
        ("sepal length\n1.0\n2.0\n", ("sepal length",), [[1], [2]]),
        ('"petal width" "b"\n1 2\n3 4\n', ("petal width", "b"), [[1, 2], [3, 4]]),
    ],
)
def test_columns_may_be_separated_by_spaces(content, names, rows, tmp_path):
    (tmp_path / "table.csv").write_text(content)
    table = read_table(tmp_path / "table.csv")
    assert table.names == names
    np.testing.assert_array_equal(table.rows, rows)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("# logger 2\na,b\n1,2\n2,3\n", ("a", "b")),
        ("# logger 2\n#\n\n# of 2020, in May\na,b\n1,2\n2,3\n", ("a", "b")),
        ("# a,b\n1,2\n2,3\n", ("a", "b")),
        ("# written by hand\n# x y\n1.5 2.5\n2.5 3.5\n", ("x", "y")),
        ("# 3 4\n1.5 2.5\n2.5 3.5\n", ("0", "1")),
        ("# one two three\n1.5 2.5\n2.5 3.5\n", ("0", "1")),
    ],
)
def test_comments_above_the_rows_are_skipped_or_name_the_columns(content, names, tmp_path):
    (tmp_path / "table.csv").write_text(content)
    table = read_table(tmp_path / "table.csv")
    assert table.names == names
    assert table.rows.shape == (2, 2)
    assert table.named == (names != ("0", "1"))


def test_lines_are_counted_with_the_comments(tmp_path):
    (tmp_path / "table.csv").write_text("# a comment\n\na,b\n1,2\n3,x\n")
    with pytest.raises(ValueError, match=r"'x' in row 1 \(line 5\)"):
        read_table(tmp_path / "table.csv")


@pytest.mark.parametrize("suffix", [".tsv", ".txt", ".dat", ".csv.gz", ".TSV.gz"])
def test_csv_tables_may_have_other_suffixes(suffix, tmp_path):
    path = tmp_path / f"table{suffix}"
    content = b"a\tb\n1\t2\n3\t\n"
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    np.testing.assert_array_equal(read_table(path, ["a"]).rows, [[1], [3]])
    with pytest.raises(ValueError, match=r"'b' in row 1 \(line 3\)"):
        read_table(path)


def _flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", [lambda _: b"a,b\n1,2\n", lambda data: data[: len(data) // 2], _flipped])
def test_a_damaged_gz_file_is_refused_by_name(damage, tmp_path):
    whole = gzip.compress(("a,b\n" + "".join(f"{row},{row % 7}\n" for row in range(20_000))).encode())
    (tmp_path / "table.csv.gz").write_bytes(damage(whole))
    with pytest.raises(ValueError, match=r"table.csv.gz is not a file compressed by gzip, or it is damaged"):
        read_table(tmp_path / "table.csv.gz")


@pytest.mark.parametrize(
    "content", [",a,b\n0,1,2\n1,2,3\n", '"","a","b"\n"Mazda",1,2\n"Volvo",2,3\n', ";a;b\nx;1;2\ny;2;3\n"]
)
def test_the_index_that_data_frames_write_is_left_out_with_a_warning(content, tmp_path):
    (tmp_path / "table.csv").write_text(content)
    with pytest.warns(UserWarning, match=r"The first column of .*table.csv has no name; it is left out"):
        table = read_table(tmp_path / "table.csv")
    assert table.names == ("a", "b")
    np.testing.assert_array_equal(table.rows, [[1, 2], [2, 3]])
    assert column_names(tmp_path / "table.csv") == (("a", "b"), True)
    np.testing.assert_array_equal(read_table(tmp_path / "table.csv", ["b"]).rows, [[2], [3]])


def test_columns_of_numbers_in_a_parquet_table_are_offered(tmp_path):
    frame = pd.DataFrame({"day": pd.to_datetime(["2020-01-01"]), "a": [1.0], "word": ["x"], "b": [2]})
    frame.to_parquet(tmp_path / "table.parquet")
    with pytest.raises(ValueError, match=r'column \'day\' has datetime64.* values, not numbers; .*--columns "a,b"'):
        read_table(tmp_path / "table.parquet")


def test_other_encodings_are_refused_with_a_remedy(tmp_path):
    (tmp_path / "table.csv").write_text("Größe;b\n1;2\n", encoding="cp1252")
    with pytest.raises(ValueError, match=r"is not a CSV table in UTF-8; save it as UTF-8 .*CSV UTF-8"):
        read_table(tmp_path / "table.csv")


def test_text_in_a_column_that_is_not_asked_for_does_not_matter(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,one\n2,two\n")
    np.testing.assert_array_equal(read_table(path, ["a"]).rows, [[1], [2]])


def test_saved_index_of_a_data_frame_is_no_column_of_a_parquet_table(tmp_path):
    path = tmp_path / "table.parquet"
    pd.DataFrame({"a": [1.0, 2.0]}, index=[7, 9]).to_parquet(path)
    assert column_names(path) == (("a",), True)


def test_one_dimensional_npy_is_one_column(tmp_path):
    np.save(tmp_path / "table.npy", np.arange(3.0))
    assert read_table(tmp_path / "table.npy").rows.shape == (3, 1)


def test_csv_text_is_what_the_csv_file_holds(tmp_path):
    columns = {"a": np.array([0.1, 1e300]), "label": np.array([0, 1])}
    write_table(tmp_path / "table.csv", columns)
    assert table_as_csv(columns) == (tmp_path / "table.csv").read_text() == "a,label\n0.1,0\n1e+300,1\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "table.csv is empty"),
        ("a,b\n", "table.csv has no rows"),
        (
            "a,b\n1,2\n3,x\n",
            r"column 'b' has 'x' in row 1 \(line 3\) instead of a number; choose columns with --col",
        ),
        (
            "a,b\n1,2\n3,\n",
            r"has missing or infinite values in 1 of 2 rows: 'b' in row 1 \(line 3\); fill in .* \(gaussmix impute\)",
        ),
        ("a,b\n1,-inf\n", r"infinity for 'b' in row 0 \(line 2\)"),
        ("1,2\n\n3,\n", r"'1' in row 1 \(line 3\)"),
        ('"a\n(cm)",b\n1,"2"\n,4\n', r"in row 1 \(line 4\)"),
        ("a,b\n" + 9 * ",\n", r"in 9 of 9 rows: 'a' in row 0 .*'a' in row 4 \(line 6\) and 4 more; fill"),
        (
            "a;b\n1,5;1.234\n1;2\n",
            r"has decimal commas but has decimal points in column 'b' \(1.234 in row 0 \(line 2\)\); use one",
        ),
        ("a;b\n1,5;2\n1.234;3\n", r"column 'a' has '1,5' in row 0"),
        ("a;b\n1.234,5;2\n1;3\n", r"column 'a' has '1.234,5' in row 0"),
        ("a\tb\n1,234\t2\n1\t3\n", r"column 'a' has '1,234' in row 0"),
        ("a;b\n1,5;2\n;3\n", r"has missing or infinite values in 1 of 2 rows: 'a' in row 1 \(line 3\)"),
        ("a;b\n1,5;2\n1;x\n", r"column 'b' has 'x' in row 1 \(line 3\) instead .* --columns \"a\""),
        ("a,b\n1,2\n3,4,5\n", "is not a CSV table: expected 2 fields in line 3, saw 3"),
        ("a,b\n1,2,3\n", "is not a CSV table: its rows have more cells than its header"),
        ("a,a\n1,2\n", "has two columns named 'a'"),
        ("a,,b\n0,1,2\n", r"has no name for column 1 \(counted from 0\); name it, or choose .* --columns \"a,b\""),
        ("a,b,\nx,1,2\n", r"has no name for column 2 .* --columns \"b\""),
        (",\n0,1\n", "has two columns named ''"),
        ('a,b\n1,"2\n3,4\n', "is not a CSV table: a quotation mark is not closed"),
        ("x" * 200_000 + ",b\n1,2\n", "is not a CSV table: field larger than field limit"),
        ("Report of 2020\n\na,b\n1,2\n", "more cells than its header, Report of 2020; delete lines above the header"),
        ('"a" "b"\n"1" 1.5 2\n"2" 3 4\n', r"more cells than its header, a b; .* \(in R: row.names = FALSE\)"),
        ("a\tb\nr1\t1\t2\n", "more cells than its header, a\tb; .* leave out the names of the rows"),
        ("a,b\n1,2\n   \n3,x\n", r"column 'b' has 'x' in row 1 \(line 4\)"),
        ("a b\n1 2\n   \n3 x\n", r"column 'b' has 'x' in row 1 \(line 4\)"),
        ('a\n""\nx\n', r"column 'a' has 'x' in row 1 \(line 3\)"),
        ('"a\nb",c\nx,1\n', 'a number; choose columns with --columns "c"'),
    ],
)
def test_csv_that_is_not_a_table_of_numbers_is_refused_by_name(content, message, tmp_path):
    (tmp_path / "table.csv").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "table.csv")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy"])
def test_bytes_that_are_no_table_are_refused_by_name(suffix, tmp_path):
    path = tmp_path / f"table{suffix}"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match=f"table{suffix} is not a"):
        read_table(path)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([["a"]]), "is not a .npy file of numbers"),
        (np.array([[None]]), "is not a .npy file of numbers"),
        (np.zeros((2, 2, 2)), r"has an array of shape \(2, 2, 2\)"),
        (np.empty((0, 2)), "has no rows"),
        (np.empty((2, 0)), "has no columns"),
        (np.array([[0.0, np.nan]]), "has missing or infinite values in 1 of 1 rows: '1' in row 0; fill"),
    ],
)
def test_npy_that_is_not_a_table_of_numbers_is_refused_by_name(array, message, tmp_path):
    np.save(tmp_path / "table.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "table.npy")


@pytest.mark.parametrize(
    "shape",
    ["(100, 3)", "(999, 2)", "(100,2 ", "(1e5, 2)", "(-1, 2)", "(10**9,2)", "('a', 2)", "(50, 2)", "(100,)", "(("],
)
def test_npy_whose_header_promises_another_shape_is_refused_by_name(shape, tmp_path):
    file = tmp_path / "table.npy"
    np.save(file, np.arange(200.0).reshape(100, 2))
    file.write_bytes(file.read_bytes().replace(b"(100, 2)", shape.ljust(8).encode()))
    with pytest.raises(ValueError, match=r"table.npy is (not a .npy file of numbers, or is )?damaged"):
        read_table(file)


@pytest.mark.parametrize("n_bytes", [5, 60, 127, 1000])
def test_npy_that_was_cut_off_is_refused_by_name(n_bytes, tmp_path):
    file = tmp_path / "table.npy"
    np.save(file, np.arange(200.0).reshape(100, 2))
    file.write_bytes(file.read_bytes()[:n_bytes])
    with pytest.raises(ValueError, match=r"table.npy is not a .npy file of numbers"):
        read_table(file)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy"])
@pytest.mark.parametrize("value", [2**53 + 1, -(2**60), 2**63 - 1])
def test_integers_that_float64_does_not_hold_are_refused_by_column_and_row(suffix, value, tmp_path):
    file = tmp_path / f"table{suffix}"
    write_table(file, {"a": np.arange(4), "b": np.array([5, 2**53, value, 7])})
    where = {".csv": r"'b' has -?\d+ in row 2 \(line 4\)", ".npy": "'1' has"}.get(suffix, r"'b' has -?\d+ in row 2")
    with pytest.raises(ValueError, match=rf"table{suffix}: column {where}.*beyond 2\*\*53"):
        read_table(file)
    name = "0" if suffix == ".npy" else "a"
    np.testing.assert_array_equal(read_table(file, [name]).rows, np.arange(4)[:, None])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.to_datetime(["2020-01-01"]), "column 'a' has datetime64.* values, not numbers; choose columns"),
        (["text"], "column 'a' has 'text' in row 0 instead of a number"),
        ([[1, 2]], "column 'a' has '.1 2.' in row 0 instead of a number"),
        ([None], "has missing or infinite values in 1 of 1 rows: 'a' in row 0"),
    ],
)
def test_parquet_column_that_is_not_numbers_is_refused_by_name(column, message, tmp_path):
    pd.DataFrame({"a": column}).to_parquet(tmp_path / "table.parquet")
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "table.parquet")


@pytest.mark.parametrize(
    ("header", "offered"),
    [
        ("name,length (cm),width", ' "length (cm),width"'),
        ('name,"a,b",width', ""),
        ("name,$HOME,width", ""),
        ('name,"a\nb",c', ""),
    ],
)
def test_columns_of_numbers_are_offered_where_they_can_be_typed(header, offered, tmp_path):
    (tmp_path / "table.csv").write_text(f"{header}\nx,1,2\ny,3,4\n")
    with pytest.raises(ValueError, match="a number; choose columns with --columns") as caught:
        read_table(tmp_path / "table.csv")
    assert str(caught.value).endswith(f"--columns{offered}")


@pytest.mark.parametrize("numbers", [(7, 8, 9), [3 * row + row % 2 for row in range(20)]])
def test_a_column_that_numbers_the_rows_is_not_offered(numbers, tmp_path):
    lines = [f"{number},x,{3 * number % 5}\n" for number in numbers]
    (tmp_path / "table.csv").write_text("".join(["number,name,width\n", *lines]))
    with pytest.raises(ValueError, match=r'--columns "width"$'):
        read_table(tmp_path / "table.csv")


def test_missing_columns_are_named_beside_those_there_are(tmp_path):
    write_table(tmp_path / "table.csv", {"a": np.zeros(2), "b": np.zeros(2)})
    with pytest.raises(ValueError, match="has no columns 'c' and 'd'; its columns are 'a' and 'b'"):
        read_table(tmp_path / "table.csv", ["c", "b", "d"])


def test_other_suffixes_are_refused_for_reading_and_writing(tmp_path):
    with pytest.raises(ValueError, match=r"the formats of tables; save the sheet as CSV UTF-8 first"):
        read_table(tmp_path / "table.xlsx")
    with pytest.raises(ValueError, match=r"table.feather must end in .csv, .parquet, .npy, .csv.gz, .tsv, "):
        read_table(tmp_path / "table.feather")
    with pytest.raises(ValueError, match=r"table.txt must end in .csv, .parquet or .npy"):
        write_table(tmp_path / "table.txt", {"a": np.zeros(2)})


@pytest.mark.parametrize("fixed", [False, True])
def test_other_columns_are_advised_where_they_may_be_chosen(tmp_path, fixed):
    path = tmp_path / "words.csv"
    path.write_text("a,b\n1,x\n2,y\n", encoding="utf-8")
    with pytest.raises(ValueError, match="column 'b'") as raised:
        read_table(path, ["b"], fixed=fixed)
    assert ("--columns" in str(raised.value)) is not fixed
    assert ("the model needs numbers there" in str(raised.value)) is fixed
