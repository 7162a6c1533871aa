#!/usr/bin/env bash
# pyarrow 26.0.1: ParquetFile.iter_batches keeps all row groups that it has read until it ends: after the last batch as much
# memory is allocated as the whole table takes. With one iterator for each row group, it stays at the size of a row group.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "pyarrow==26.0.1" "numpy==2.4.6"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUPS, ROWS, COLUMNS = 20, 100_000, 8
rng = np.random.default_rng(0)
schema = pa.schema([(f"x{column}", pa.float32()) for column in range(COLUMNS)])
with pq.ParquetWriter("rows.parquet", schema, use_dictionary=False) as writer:
    for _ in range(GROUPS):
        columns = [rng.standard_normal(ROWS).astype(np.float32) for _ in range(COLUMNS)]
        writer.write_table(pa.table(columns, schema=schema))
group = ROWS * COLUMNS * 4


def most_allocated(batches):
    most = 0
    for batch in batches:
        assert batch.num_rows == 10_000
        del batch
        most = max(most, pa.total_allocated_bytes())
    return most / group


with pq.ParquetFile("rows.parquet") as file:
    whole = most_allocated(file.iter_batches(10_000))
with pq.ParquetFile("rows.parquet") as file:
    each = most_allocated(
        batch for at in range(file.num_row_groups) for batch in file.iter_batches(10_000, row_groups=[at])
    )
print(f"one iterator: {whole:.1f} row groups in memory, one for each of {GROUPS} row groups: {each:.1f}")
assert whole > GROUPS / 2, "the iterator gives row groups back"
assert each < 4, "an iterator for each row group keeps more than it"
P
