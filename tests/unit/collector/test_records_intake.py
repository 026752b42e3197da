"""Records of all gateways are taken again and again, and a database that is away ends nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sealbus.collector import RecordSource
from sealbus.collector.records_intake import RecordsIntake
from unit.collector.fake_site import FakeStore, store_thread


async def test_records_are_taken_and_the_audit_is_maintained_by_the_clock() -> None:
    store = FakeStore()
    sources = (RecordSource("a", Path("/a")), RecordSource("b", Path("/b")))
    intake = RecordsIntake(store, store_thread(), sources)
    tasks = [asyncio.create_task(intake.take(1.0)), asyncio.create_task(intake.maintain_audit(60.0))]
    store.is_away = True
    await asyncio.sleep(3.5)
    assert store.calls.count("records a") == 4
    assert store.calls.count("records b") == 0, "the call for the first one failed"
    store.is_away = False
    await asyncio.sleep(60)
    assert store.calls.count("records b") in (59, 60, 61)
    assert store.calls.count("audit") == 2
    for task in tasks:
        task.cancel()
