"""Tables in files. No other package imports pandas and pyarrow."""

from gaussmix.tables.any_columns import read_any_columns, require_numbers
from gaussmix.tables.csv_files import DoubtfulHeaderError
from gaussmix.tables.label_column import read_labels
from gaussmix.tables.libraries import import_pandas
from gaussmix.tables.row_results import write_parts
from gaussmix.tables.stored_rows import LEAST_LIMIT, StoredRows, open_rows
from gaussmix.tables.table_files import (
    READ_SUFFIXES,
    SUFFIXES,
    Table,
    column_names,
    read_table,
    require_table_suffix,
    size_in_memory,
    table_as_csv,
    write_table,
)

__all__ = [
    "LEAST_LIMIT",
    "READ_SUFFIXES",
    "SUFFIXES",
    "DoubtfulHeaderError",
    "StoredRows",
    "Table",
    "column_names",
    "import_pandas",
    "open_rows",
    "read_any_columns",
    "read_labels",
    "read_table",
    "require_numbers",
    "require_table_suffix",
    "size_in_memory",
    "table_as_csv",
    "write_parts",
    "write_table",
]
