"""How SQLite stores samples: after appending, compacting, merging and deleting they equal those of a list."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealbus.errors import ConfigError
from sealbus.history import HistoryRules, SampleBlock, open_history
from sealbus.history.packing import is_compressed, pack_compressed, pack_plain, unpack
from sealbus.history.sqlite_samples import FreshRows, SQLiteSamples
from sealbus.history.sqlite_schema import prepare
from sealbus.samples import Quality, Reason, Sample
from unit.history.stores import DAY, HOUR, MINUTE, NOON, S, roll_up

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN = NOON - 2 * HOUR
EDGES = [0, 5, BEGIN - 40 * DAY, BEGIN + HOUR - 1, BEGIN + HOUR, BEGIN + HOUR + 1, BEGIN + 2 * HOUR]
MOMENTS = st.one_of(st.integers(0, 60).map(lambda each: BEGIN + each * 3 * S), st.sampled_from(EDGES))
VALUES = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5), st.none())
TAGS = (1, 2, 3)


def sample_of(tag_id: int, time_us: int, value: float | str | None) -> Sample:
    if value is None:
        return Sample(tag_id, time_us, None, Quality.BAD, Reason.TIMEOUT)
    return Sample(tag_id, time_us, value.replace("\0", "") if isinstance(value, str) else value)


SAMPLES = st.lists(st.builds(sample_of, st.sampled_from(TAGS), MOMENTS, VALUES), min_size=1, max_size=25)
STEPS = st.lists(st.one_of(SAMPLES, st.sampled_from(["compact", "pack hours", "delete an hour"])), max_size=14)


@contextlib.contextmanager
def database() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection, Path("history.sqlite3"), read_only=False, zone="UTC")
        yield connection


def check(found: SQLiteSamples, model: dict[tuple[int, int], Sample]) -> None:
    for tag_id in TAGS:
        wanted = [model[key] for key in sorted(model) if key[0] == tag_id]
        for start, end in ((0, 2 * NOON), (BEGIN + 7 * S, BEGIN + HOUR), (BEGIN + HOUR, BEGIN + HOUR + 1), (5, BEGIN)):
            inside = [sample for sample in wanted if start <= sample.time_us < end]
            assert list(found.samples(tag_id, start, end).samples()) == inside
            assert list(found.samples(tag_id, start, end, 3).samples()) == inside[:3]
            for count in (len(inside) - 1, len(inside), len(inside) + 1):
                assert found.has_more_than(tag_id, start, end, count) is (len(inside) > count)
        for time_us in (*EDGES, BEGIN + 60 * S, 2 * NOON):
            before = [sample for sample in wanted if sample.time_us < time_us]
            assert list(found.sample_before(tag_id, time_us).samples()) == before[-1:]


@settings(deadline=None)
@given(STEPS)
def test_samples_equal_those_of_a_list_after_any_sequence_of_operations(steps: list[list[Sample] | str]) -> None:
    model: dict[tuple[int, int], Sample] = {}
    with database() as connection, mock.patch("sealbus.history.sqlite_samples.COMPACT_AT_ONCE", 12):
        rows = FreshRows()
        for step in steps:
            samples = SQLiteSamples(connection, rows)  # one per transaction
            if isinstance(step, list):
                samples.insert(SampleBlock.of(step))
                for sample in step:
                    model.setdefault((sample.tag_id, sample.time_us), sample)
            elif step == "compact":
                samples.compact(least=1)
            elif step == "pack hours":
                samples.pack_hours(2, BEGIN, BEGIN + 2 * HOUR)
            else:
                while samples.compact(least=1):
                    pass
                samples.delete(1, BEGIN + HOUR + MINUTE, 1_000_000)
                model = {key: each for key, each in model.items() if key[0] != 1 or key[1] >= BEGIN + HOUR}
            check(SQLiteSamples(connection, rows), model)
        last = SQLiteSamples(connection, rows)
        while last.compact(least=1):
            pass
        for tag_id in TAGS:
            count = sum(key[0] == tag_id for key in model)
            assert not last.has_more_than(tag_id, 0, 2 * NOON, count)
            assert not count or last.has_more_than(tag_id, 0, 2 * NOON, count - 1)


@settings(deadline=None)
@given(SAMPLES)
def test_packed_samples_unpack_to_the_same_and_damaged_ones_are_refused(samples: list[Sample]) -> None:
    block = SampleBlock.of(
        [Sample(7, each.time_us, each.value, each.quality, each.reason) for each in samples]
    ).ordered()
    (plain,) = pack_plain(block, [0])
    compressed = pack_compressed(block)
    assert (is_compressed(plain), is_compressed(compressed)) == (False, True)
    assert list(unpack(7, plain).samples()) == list(unpack(7, compressed).samples()) == list(block.samples())
    for data in (plain, compressed):
        for damaged in (b"", data[:4], data[: len(data) // 2], b"\7" + data[1:]):
            with pytest.raises(ValueError):  # with any message
                unpack(7, damaged)


def test_a_batch_of_many_tags_is_one_row_and_an_hour_of_one_tag_is_one_row(tmp_path: Path) -> None:
    now = [BEGIN]
    history = open_history(f"sqlite:///{tmp_path}/h.sqlite3", rules=HistoryRules(), now_us=lambda: now[0])
    while now[0] < BEGIN + HOUR:
        history.append([Sample(tag, now[0] + each * S, float(each)) for tag in range(5) for each in range(10)])
        now[0] += 10 * S
        roll_up(history)
    with contextlib.closing(sqlite3.connect(tmp_path / "h.sqlite3")) as connection:
        count = "select (select count(*) from fresh), (select count(*) from packed), (select sum(count) from packed)"
        fresh, packed, samples = connection.execute(count).fetchone()
        assert fresh <= 6
        assert 5 * 55 <= packed <= 5 * 60
        assert samples >= 5 * 3500
        now[0] += HOUR
        roll_up(history)
        assert connection.execute(count).fetchone() == (0, 5, 18_000)
        (size,) = connection.execute("select sum(length(samples)) from packed").fetchone()
        assert size < 18_000, "repetitive samples take less than a byte each"
    history.close()


def test_a_reader_sees_the_rows_of_its_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    rows = FreshRows()
    with (
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer,
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader,
    ):
        prepare(writer, path, read_only=False, zone="UTC")
        SQLiteSamples(writer, rows).insert(SampleBlock.of([Sample(1, BEGIN, 1.0)]))
        reader.execute("begin")
        assert len(SQLiteSamples(reader, rows).samples(1, 0, NOON)) == 1
        SQLiteSamples(writer, rows).insert(SampleBlock.of([Sample(1, BEGIN + S, 2.0)]))
        assert len(SQLiteSamples(writer, rows).samples(1, 0, NOON)) == 2
        assert len(SQLiteSamples(reader, rows).samples(1, 0, NOON)) == 1
        reader.execute("commit")
        assert len(SQLiteSamples(reader, rows).samples(1, 0, NOON)) == 2


def test_a_damaged_row_costs_only_its_own_samples_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "h.sqlite3"
    now = [NOON]
    history = open_history(f"sqlite:///{path}", rules=HistoryRules(), now_us=lambda: now[0])
    history.append([Sample(tag, BEGIN + each * MINUTE, 1.0) for tag in (1, 2) for each in range(60)])
    roll_up(history)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("update packed set samples = zeroblob(40) where id = (select min(id) from packed)")
    assert history.raw(1, 0, NOON).samples == ()
    assert "samples of tag 1 are damaged" in caplog.text
    assert len(history.raw(2, 0, NOON).samples) == 60
    late = [Sample(tag, BEGIN + each * MINUTE + S, 2.0) for tag in (1, 2) for each in range(60)]
    history.append(late)
    now[0] += HOUR
    roll_up(history)
    assert history.raw(1, 0, NOON).samples == tuple(late[:60])
    assert len(history.raw(2, 0, NOON).samples) == 120
    history.close()


@pytest.mark.parametrize("version", [1, 2, 3, 5])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_of_another_version_is_refused_and_left_as_it_is(tmp_path: Path, version: int, read_only: bool) -> None:
    path = tmp_path / "h.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table sample (tag_id integer)")
        connection.execute(f"pragma user_version = {version}")
    before = path.read_bytes()
    history = open_history(f"sqlite:///{path}", rules=HistoryRules(), read_only=read_only)
    with pytest.raises(ConfigError, match=f"history of version {version}.*name another file"):
        history.latest([1])
    history.close()
    assert path.read_bytes() == before
