"""CSV files: their separator, header, comments and decimal sign."""

import csv
import gzip
import itertools
import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

import numpy as np

from gaussmix.tables.headers import all_numbers, is_header, is_number
from gaussmix.tables.libraries import import_pandas

_SPACES = " "
_DAMAGED = "{} is not a file compressed by gzip, or it is damaged"
_LOOKED_AT = 50  # lines
_DECIMAL_COMMA = r"\s*[+-]?\d+(?:,\d*)?(?:[eE][+-]?\d+)?\s*"


class DoubtfulHeaderError(ValueError):
    """The first line of a CSV file may be a header or a row."""


@dataclass(frozen=True)
class CsvFile:
    """A CSV file, and how it is to be read.

    Attributes
    ----------
    path : Path
        The file; .gz files are decompressed.
    separator : str
        A comma, semicolon, tab, or space; a space stands for any number of spaces.
    skipped : int
        Number of lines before the header, or before the first row if there is no header.
    header : bool
        Whether a line with the names of the columns precedes the rows.
    names : tuple of str
        Names of the columns; an unnamed column has "", and in a file without names all have "0", "1", ...
    named : bool
        Whether the file has names. Names can also be in a comment above the rows, as `numpy.savetxt` writes them.
    """

    path: Path
    separator: str
    skipped: int
    header: bool
    names: tuple[str, ...]
    named: bool

    @classmethod
    def open(cls, path: Path, header: bool | None = None) -> Self:
        """Find out how a file is to be read.

        Parameters
        ----------
        path : Path
            The file.
        header : bool, optional
            Whether its first line has the names of the columns. By default, it is found out (`headers.is_header`).

        Raises
        ------
        ValueError
            If there are no rows, if two names are equal, or if it is doubtful whether the first line is a header
            (`DoubtfulHeaderError`).
        """
        comments, lines = _first_lines(path)
        if not lines:
            raise ValueError(f"{path} {'has no rows' if comments else 'is empty'}")
        separator = _separator_of(lines[:2])
        try:
            records = _records(lines, separator)
        except csv.Error as error:
            raise ValueError(f"{path} is not a CSV table: {error}") from None
        cells = records[0]
        skipped = len(comments)
        in_comment = _names_in_comment(comments, cells, separator)
        if header is None:
            header = False if in_comment else is_header(lines, records, separator)
            if header is None:
                raise DoubtfulHeaderError(
                    f"{path}: the first line, {lines[0].strip()[:60]}, may be a header; "
                    "use --header if it is one, --no-header if it is a row"
                )
        if header:
            return cls(path, separator, skipped, True, _unequal(path, cells), True)
        if in_comment:
            return cls(path, separator, skipped, False, _unequal(path, in_comment), True)
        return cls(path, separator, skipped, False, tuple(map(str, range(len(cells)))), False)

    def frame(self, positions: Sequence[int]) -> Any:
        """Return all columns as a data frame, by position, with decimal commas read where semicolons separate.

        Parameters
        ----------
        positions : sequence of int
            The columns that will be used; decimal points beside decimal commas are an error in these only.
        """
        frame = self._read(**_exact_decimals())
        if self.separator != ";":
            return frame
        kinds = enumerate(frame.dtypes)
        pointed = {at: _with_decimal_points(frame[at]) for at, kind in kinds if kind.kind not in "biuf"}
        pointed = {at: column for at, column in pointed.items() if column is not None}
        floats = [at for at in positions if frame.dtypes.iloc[at].kind == "f"] if pointed else []
        if floats:
            cells = self._read(dtype=str)
            for at in floats:
                rows = np.flatnonzero(cells[at].str.contains(".", regex=False, na=False))
                if rows.size:
                    raise ValueError(
                        f"{self.path} has decimal commas but has decimal points in column {self.names[at]!r} "
                        f"({cells[at].iloc[rows[0]]} in row {rows[0]}{self.line(rows[0])}); use one decimal sign"
                    )
        for at, column in pointed.items():
            frame[at] = column
        return frame

    def cells(self) -> Any:
        """Return the cells of all columns as text, by position; columns with decimal commas get decimal points."""
        cells = self._read(dtype=str, keep_default_na=False)
        for at in range(len(self.names)) if self.separator == ";" else ():
            if cells[at].str.fullmatch(rf"({_DECIMAL_COMMA})?").all():
                cells[at] = cells[at].str.replace(",", ".")
        return cells

    def line(self, row: int) -> str:
        """Return the line on which a row ends, in the form " (line 3)"; nothing if a cell is too long to be counted."""
        with _text(self.path) as file:
            for _ in range(self.skipped):
                next(file)
            reader = csv.reader(file, delimiter=self.separator)
            ends = (reader.line_num for cells in reader if self._is_row(cells))
            try:
                return f" (line {self.skipped + next(itertools.islice(ends, row + self.header, None))})"
            except csv.Error:
                return ""

    def _is_row(self, cells: Sequence[str]) -> bool:
        """Return whether cells are those of a row, not of an empty line."""
        if self.separator == _SPACES:
            return any(cells)
        return len(cells) > 1 or (len(cells) == 1 and not cells[0].isspace())

    def frames(self, length: int) -> Iterator[Any]:
        """Yield all columns as data frames of ``length`` rows, by position, if points are the decimal sign."""
        with self._read(chunksize=length, **_exact_decimals()) as frames:
            while True:
                with self._errors_named():
                    frame = next(frames, None)
                if frame is None:
                    return
                yield frame

    def _read(self, **options: Any) -> Any:
        with self._errors_named():
            return import_pandas().read_csv(
                self.path,
                sep=r"\s+" if self.separator == _SPACES else self.separator,
                skiprows=self.skipped,
                header=0 if self.header else None,
                names=range(len(self.names)),
                encoding="utf-8-sig",
                index_col=False,
                skipinitialspace=True,
                low_memory=False,
                **options,
            )

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        pandas = import_pandas()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pandas.errors.ParserWarning)
                yield
        except pandas.errors.EmptyDataError:
            raise ValueError(f"{self.path} has no rows") from None
        except UnicodeDecodeError:
            raise ValueError(
                f"{self.path} is not a CSV table in UTF-8; save it as UTF-8 (in a spreadsheet: CSV UTF-8)"
            ) from None
        except pandas.errors.ParserWarning:
            raise ValueError(
                f"{self.path} is not a CSV table: its rows have more cells than its header, "
                f"{self.separator.join(self.names)[:60]}; delete lines above the header, name every column, and leave "
                "out the names of the rows (in R: row.names = FALSE)"
            ) from None
        except pandas.errors.ParserError as error:
            reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
            reason = "a quotation mark is not closed" if reason.startswith("EOF inside string") else reason
            raise ValueError(f"{self.path} is not a CSV table: {reason[:1].lower()}{reason[1:]}") from None
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(_DAMAGED.format(self.path)) from error


def _exact_decimals() -> dict[str, Any]:
    version = tuple(map(int, import_pandas().__version__.split(".")[:2]))
    return {"float_precision": "round_trip"} if version < (3, 1) else {}  # the default from 3.1


def _text(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace")
    return path.open(encoding="utf-8-sig", errors="replace")


def _first_lines(path: Path) -> tuple[list[str], list[str]]:
    """Return the comments and empty lines at the top of a file, and some lines below them, without empty ones."""
    try:
        with _text(path) as file:
            lines = list(itertools.islice(file, _LOOKED_AT))
            top = list(itertools.takewhile(_is_comment, lines))
            while len(top) == len(lines) and (line := file.readline()):
                lines.append(line)
                if _is_comment(line):
                    top.append(line)
            lines += itertools.islice(file, max(0, _LOOKED_AT - len(lines) + len(top)))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(_DAMAGED.format(path)) from error
    return top, [line for line in lines[len(top) :] if line.strip()]


def _is_comment(line: str) -> bool:
    """Return whether a line is empty, begins with #, or states the separator, as for spreadsheets (sep=;)."""
    return re.fullmatch(r'\s*(#.*|"?sep=.?"?\s*)?', line, re.DOTALL | re.IGNORECASE) is not None


def _separator_of(lines: Sequence[str]) -> str:
    """Return semicolon, tab or spaces if they occur equally often in the lines, else comma.

    They may occur once less in the first line, whose header then lacks a name for the names of the rows.
    """
    plain = [re.sub('"[^"]*"', "x", line) for line in lines]
    for separator in ";\t":
        first, last = (line.count(separator) for line in (plain[0], plain[-1]))
        if last and first in (last, last - 1):
            return separator
    first, last = (len(line.split()) for line in (plain[0], plain[-1]))
    return _SPACES if first > 1 and first in (last, last - 1) and not any("," in line for line in plain) else ","


def _records(lines: Sequence[str], separator: str) -> list[list[str]]:
    if separator == _SPACES:
        lines = [" ".join(line.split()) for line in lines]
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    return [[cell.strip() for cell in record] for record in reader]


def _names_in_comment(comments: Sequence[str], cells: Sequence[str], separator: str) -> list[str]:
    """Return the names of the columns in the last comment; none if it has numbers or another number of cells."""
    if not comments or not comments[-1].lstrip().startswith("#") or not all_numbers(cells, separator):
        return []
    text = comments[-1].strip().lstrip("#").strip()
    names = _records([text], separator)[0] if text else []
    found = len(names) == len(cells) and not any(is_number(name) or not name for name in names)
    return names if found else []


def _unequal(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    for position, name in enumerate(names):
        if names.index(name) < position:
            raise ValueError(f"{path} has two columns named {name!r}; rename one of them")
    return tuple(names)


def _with_decimal_points(column: Any) -> Any:
    """Convert a text column to numbers if all are whole or have a decimal comma, else return None."""
    text = column[column.notna()].astype(str)
    if not text.str.fullmatch(_DECIMAL_COMMA).all():
        return None
    return column.astype(str).where(column.notna()).str.replace(",", ".").astype(np.float64)
