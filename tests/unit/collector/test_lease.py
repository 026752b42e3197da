"""One process holds the lease of a collector id; the others wait, and the holder goes on while the database is away."""

from __future__ import annotations

import asyncio

import pytest

from sealbus.collector.lease import Lease, LeaseLost, holder_name
from unit.collector.fake_site import FakeStore, store_thread

RENEW_S, RETRY_S = 5.0, 2.0


def lease(store: FakeStore, holder: str = "main@here", collector_id: str = "main") -> Lease:
    return Lease(store, store_thread(), collector_id, holder)


async def test_the_name_of_the_lease_contains_the_id_of_the_collector() -> None:
    store = FakeStore()
    assert await lease(store).acquire(asyncio.Event(), RETRY_S, print)
    assert await lease(store, "north@here", "north").acquire(asyncio.Event(), RETRY_S, print)
    assert store.leases == {"collector/main": "main@here", "collector/north": "north@here"}


async def test_another_process_waits_logs_that_once_and_takes_over() -> None:
    store, lines = FakeStore(), list[str]()
    first, second = lease(store, "main@one"), lease(store, "main@two")
    assert await first.acquire(asyncio.Event(), RETRY_S, lines.append)
    waiting = asyncio.create_task(second.acquire(asyncio.Event(), RETRY_S, lines.append))
    await asyncio.sleep(10 * RETRY_S)
    assert not waiting.done()
    assert lines == ["waiting until this is the collector of the site: main@one holds the lease"]
    await first.release()
    assert await waiting
    assert store.leases == {"collector/main": "main@two"}


async def test_a_process_that_is_stopped_ends_its_wait() -> None:
    store, stopped = FakeStore(), asyncio.Event()
    store.leases["collector/main"] = "main@other"
    waiting = asyncio.create_task(lease(store).acquire(stopped, RETRY_S, lambda line: None))
    await asyncio.sleep(1)
    stopped.set()
    assert await waiting is False


async def test_the_lease_is_awaited_while_the_database_is_down() -> None:
    store, lines = FakeStore(), list[str]()
    store.is_away = True
    waiting = asyncio.create_task(lease(store).acquire(asyncio.Event(), RETRY_S, lines.append))
    await asyncio.sleep(10)
    assert lines == ["waiting until this is the collector of the site: the database: away"]
    store.is_away = False
    assert await waiting


async def test_a_lease_that_another_process_holds_is_lost() -> None:
    store = FakeStore()
    mine = lease(store)
    keeping = asyncio.create_task(mine.keep(RENEW_S))
    await asyncio.sleep(3 * RENEW_S)
    assert not keeping.done()
    store.leases["collector/main"] = "main@other"
    with pytest.raises(LeaseLost) as lost:
        await keeping
    assert lost.value.holder == "main@other"


async def test_the_holder_continues_while_the_database_is_down() -> None:
    store = FakeStore()
    keeping = asyncio.create_task(lease(store).keep(RENEW_S))
    await asyncio.sleep(1)
    store.is_away = True
    await asyncio.sleep(100 * RENEW_S)
    assert not keeping.done()
    store.is_away = False
    await asyncio.sleep(2 * RENEW_S)
    assert not keeping.done()
    keeping.cancel()


async def test_of_two_processes_on_machines_that_are_copies_one_collects() -> None:
    store, lines = FakeStore(), list[str]()
    one, copy = (lease(store, holder_name("main")) for _ in range(2))
    assert await one.acquire(asyncio.Event(), RETRY_S, lines.append)
    waiting = asyncio.create_task(copy.acquire(asyncio.Event(), RETRY_S, lines.append))
    await asyncio.sleep(10 * RETRY_S)
    assert not waiting.done()
    await copy.release()
    assert store.leases == {"collector/main": one.holder}, "the stop of the copy leaves the lease of the other"
    await one.release()
    assert await waiting


def test_the_name_of_a_holder_begins_with_the_id_and_is_new_for_each_process() -> None:
    names = {holder_name("main") for _ in range(100)}
    assert len(names) == 100
    assert {name.partition("@")[0] for name in names} == {"main"}
    assert max(map(len, names)) <= 100, "as the database stores it"
