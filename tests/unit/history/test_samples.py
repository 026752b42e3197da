"""Both engines: samples are stored once and returned unchanged."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from sealbus.errors import ConfigError, LocalError
from sealbus.history import Appended, Bucket, HistoryRules, HistoryUnavailable, RetentionClass, Source, open_history
from sealbus.samples import Quality, Reason, Sample
from unit.history.stores import DAY, HOUR, NOON, S, roll_up

if TYPE_CHECKING:
    from sealbus.history import History
    from unit.history.stores import Stores


def stored(history: History, tag_id: int = 1) -> list[Sample]:
    return list(history.raw(tag_id, 0, NOON * 2, limit=10_000).samples)


def test_samples_are_returned_by_time_in_whatever_order_they_arrived(stores: Stores) -> None:
    history = stores.open()
    samples = [Sample(1, NOON - DAY * 40 * each, float(each)) for each in range(5)]
    history.append(samples[2:])
    history.append(samples[:2])
    assert stored(history) == samples[::-1]


def test_a_sample_sent_twice_is_stored_once_and_never_changed(stores: Stores) -> None:
    history = stores.open()
    first = [Sample(1, NOON + each, float(each)) for each in range(10)]
    assert history.append(first) == Appended(too_old=0)
    again = [Sample(1, NOON + each, -1.0) for each in range(5, 15)]
    assert history.append(again) == Appended(too_old=0)
    assert [sample.value for sample in stored(history)] == [*map(float, range(10)), *[-1.0] * 5]
    twice_in_one = [Sample(2, NOON, 1.0), Sample(2, NOON, 1.0)]
    assert history.append(twice_in_one) == Appended(too_old=0)


def test_every_kind_of_value_is_returned_with_its_quality_and_reason(stores: Stores) -> None:
    history = stores.open()
    history.append(
        [
            Sample(1, NOON + 1, True),
            Sample(1, NOON + 2, -7),
            Sample(1, NOON + 3, 2**53 + 1),
            Sample(1, NOON + 4, "=1+1 ÄΩ\0 🙂"),
            Sample(1, NOON + 5, None, Quality.BAD, Reason.DEVICE_EXCEPTION),
            Sample(1, NOON + 6, 0.1, Quality.UNCERTAIN, Reason.OUT_OF_RANGE),
            Sample(1, NOON + 7, "", Quality.STALE, Reason.NOT_REFRESHED),
            Sample(1, NOON + 8, float("inf")),
        ]
    )
    assert stored(history) == [
        Sample(1, NOON + 1, 1.0),
        Sample(1, NOON + 2, -7.0),
        Sample(1, NOON + 3, float(2**53)),
        Sample(1, NOON + 4, "=1+1 ÄΩ\ufffd 🙂"),
        Sample(1, NOON + 5, None, Quality.BAD, Reason.DEVICE_EXCEPTION),
        Sample(1, NOON + 6, 0.1, Quality.UNCERTAIN, Reason.OUT_OF_RANGE),
        Sample(1, NOON + 7, "", Quality.STALE, Reason.NOT_REFRESHED),
        Sample(1, NOON + 8, None),
    ]


@pytest.mark.parametrize("unstorable", [Sample(-1, NOON, 1.0), Sample(2**31, NOON, 1.0), Sample(1, -1, 1.0)])
def test_a_sample_that_no_store_can_hold_is_refused_with_its_whole_batch(stores: Stores, unstorable: Sample) -> None:
    history = stores.open()
    history.append([Sample(3, NOON, 1.0)])
    with pytest.raises(LocalError):
        history.append([Sample(1, NOON, 1.0), unstorable])
    assert stored(history) == []


def test_pages_follow_each_other_without_loss(stores: Stores) -> None:
    history = stores.open()
    samples = [Sample(1, NOON + each, float(each)) for each in range(10)]
    history.append(samples)
    pages, cursor = [], None
    while True:
        page = history.raw(1, NOON, NOON + 10, limit=4, after=cursor)
        pages.append(list(page.samples))
        if page.next is None:
            break
        cursor = page.next
    assert pages == [samples[:4], samples[4:8], samples[8:]]
    assert history.raw(1, NOON, NOON + 10, limit=10).next is None


def test_latest_returns_the_newest_sample_of_each_tag_that_has_one(stores: Stores) -> None:
    history = stores.open()
    history.append([Sample(1, NOON, 1.0), Sample(1, NOON - S, 2.0), Sample(2, NOON - 99 * DAY, "on")])
    assert history.latest([2, 1, 3]) == (Sample(2, NOON - 99 * DAY, "on"), Sample(1, NOON, 1.0))


def test_writers_that_open_an_empty_store_at_once_all_write(stores: Stores) -> None:
    opened = [stores.open() for _ in range(4)]
    barrier, errors = threading.Barrier(4), []

    def write(history: History, tag_id: int) -> None:
        barrier.wait()
        try:
            for each in range(20):
                history.append([Sample(tag_id, NOON + each, 1.0), Sample(9, NOON + each, 1.0)])
        except HistoryUnavailable as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(each, tag)) for tag, each in enumerate(opened)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert [len(stored(opened[0], tag_id)) for tag_id in (0, 1, 2, 3, 9)] == [20] * 5


def test_a_read_only_history_cannot_change_the_store(stores: Stores) -> None:
    reader = stores.open(read_only=True)
    with pytest.raises(HistoryUnavailable, match="no history yet"):
        reader.latest([1])
    stores.open().append([Sample(1, NOON, 1.0)])
    assert reader.latest([1]) == (Sample(1, NOON, 1.0),)
    for change in (lambda: reader.append([Sample(1, NOON + 1, 1.0)]), reader.maintain):
        with pytest.raises(HistoryUnavailable, match="opened read-only"):
            change()
    assert len(stored(reader)) == 1


def test_an_invalid_query_raises_a_local_error(stores: Stores) -> None:
    history = stores.open()
    history.append([Sample(1, NOON, 1.0)])
    for start, end in ((NOON, NOON), (NOON + 1, NOON), (-5, NOON), (0, 1 << 62)):
        with pytest.raises(LocalError, match="range"):
            history.query([1], start, end, width=10)
    with pytest.raises(LocalError, match="width"):
        history.query([1], 0, NOON, width=0)
    with pytest.raises(LocalError, match="page"):
        history.raw(1, 0, NOON, limit=0)


@pytest.mark.parametrize("url", ["", "history.sqlite3", "sqlite://", "sqlite://host/x", "mysql://x/y", "sqlite:///"])
def test_a_url_of_no_store_is_refused_with_an_example_of_one(url: str) -> None:
    with pytest.raises(ConfigError, match=r"sqlite:///history\.sqlite3"):
        open_history(url, rules=HistoryRules())


def test_contradictory_rules_are_refused() -> None:
    with pytest.raises(ConfigError, match="zone"):
        HistoryRules(zone="Mars/Olympus")
    with pytest.raises(ConfigError, match="no retention class other"):
        HistoryRules(class_of={1: "other"})
    with pytest.raises(ConfigError, match="each coarser rollup"):
        RetentionClass("x", raw_days=10, minute_days=5)
    with pytest.raises(ConfigError, match="hold"):
        RetentionClass("x", hold_s=0)
    RetentionClass("x", raw_days=1, minute_days=1, hour_days=1, day_days=1, hold_s=HOUR / S)


def test_a_store_without_samples_answers_every_query(stores: Stores) -> None:
    history = stores.open()
    roll_up(history)
    assert history.latest([1, 2]) == ()
    assert history.extents([1, 2], Source.RAW) == {}
    assert len(history.aggregates(1, Bucket.DAY, NOON - DAY, NOON).starts_us) == 0
    assert len(history.query([1], NOON - DAY, NOON, width=100)[0].times_us) == 0
