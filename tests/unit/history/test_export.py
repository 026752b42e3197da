"""The contract of both engines: what leaves as CSV and Parquet."""

from __future__ import annotations

import csv
import io
import tracemalloc
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from sealbus.history import Block, export_csv, export_parquet
from sealbus.samples import Quality, Reason, Sample
from unit.history.stores import NOON, S

if TYPE_CHECKING:
    from unit.history.stores import Stores

NAMES = {2: "state", 1: "=cmd|' /C calc'!A0"}
SAMPLES = [
    Sample(1, NOON, -1.5),
    Sample(1, NOON + 1, None, Quality.BAD, Reason.TIMEOUT),
    Sample(1, NOON + 2, 2.0, Quality.UNCERTAIN, Reason.OUT_OF_RANGE),
    *[
        Sample(2, NOON + each, text)
        for each, text in enumerate(["=1+1", "+1", "-1", "@x", "\tx", "\rx", 'a "b", c', ""])
    ],
]


def test_csv_is_one_row_a_sample_and_no_cell_is_a_formula(stores: Stores) -> None:
    history = stores.open()
    history.append([*SAMPLES, Sample(3, NOON, 1.0), Sample(1, NOON + S, 1.0)])
    data = b"".join(export_csv(history, NAMES, NOON, NOON + S))
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert rows[0] == ["time", "tag_id", "tag", "value", "quality", "reason"]
    assert [row[3] for row in rows[1:9]] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", 'a "b", c', ""]
    assert rows[9:] == [
        ["2026-07-15T12:00:00.000000Z", "1", "'=cmd|' /C calc'!A0", "-1.5", "good", "none"],
        ["2026-07-15T12:00:00.000001Z", "1", "'=cmd|' /C calc'!A0", "", "bad", "timeout"],
        ["2026-07-15T12:00:00.000002Z", "1", "'=cmd|' /C calc'!A0", "2.0", "uncertain", "out_of_range"],
    ]


def test_parquet_has_numbers_texts_and_gaps_apart(stores: Stores) -> None:
    history = stores.open()
    history.append(SAMPLES)
    data = b"".join(export_parquet(history, NAMES, NOON, NOON + S))
    table = pq.read_table(io.BytesIO(data))
    assert table.column("text").to_pylist()[:3] == ["=1+1", "+1", "-1"]
    assert table.slice(8).to_pylist() == [
        {
            "time": datetime(2026, 7, 15, 12, 0, 0, each, UTC),
            "tag_id": 1,
            "tag": NAMES[1],
            "value": value,
            "text": None,
            "quality": quality,
            "reason": reason,
        }
        for each, (value, quality, reason) in enumerate(
            [
                (-1.5, "good", "none"),
                (None, "bad", "timeout"),
                (2.0, "uncertain", "out_of_range"),
            ]
        )
    ]


def test_an_export_of_nothing_is_still_a_file(stores: Stores) -> None:
    history = stores.open()
    history.append([Sample(9, NOON, 1.0)])
    assert b"".join(export_csv(history, NAMES, NOON, NOON + S)) == b"time,tag_id,tag,value,quality,reason\r\n"
    assert pq.read_table(io.BytesIO(b"".join(export_parquet(history, NAMES, NOON, NOON + S)))).num_rows == 0


def test_an_export_needs_little_memory_however_long_it_is(stores: Stores) -> None:
    history = stores.open()
    count = 150_000
    times = np.arange(NOON, NOON + count * S, S)
    history.append_block(Block(np.ones(count, np.int64), times, np.sin(times), np.zeros(count, np.int64), {}))
    for export in (export_csv, export_parquet):
        tracemalloc.start()
        total = sum(map(len, export(history, {1: "level"}, NOON, NOON + count * S)))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert total > 1_000_000
        assert most < 15_000_000
