"""A changed plan reaches the engine once; one that cannot be used changes nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sealbus.collector.plan_sync import PlanSync
from sealbus.collector.versions import VersionWatch
from sealbus.errors import ConfigError
from sealbus.history import HistoryRules
from sealbus.plant import Plan, SiteVersions
from unit.collector.fake_site import FakeStore, store_thread

if TYPE_CHECKING:
    import pytest

EVERY_S = 0.5


class Engine:
    def __init__(self) -> None:
        self.plans: list[int] = []
        self.breaks = False

    def apply(self, plan: Plan) -> None:
        self.plans.append(plan.version)
        if self.breaks:
            raise RuntimeError("no such thing")


class History:
    def __init__(self) -> None:
        self.rules = HistoryRules(zone="Europe/Berlin")

    def set_rules(self, rules: HistoryRules) -> None:
        self.rules = rules


class Sync:
    def __init__(self) -> None:
        self.store, self.engine, self.history = FakeStore(), Engine(), History()
        thread = store_thread()
        plans = PlanSync(self.store, thread, engine=self.engine, history=self.history)
        self.watch = VersionWatch(self.store, thread, load_plan=plans.load, take_commands=self.take_commands)
        self.commands_taken = 0
        self.task = asyncio.create_task(self.watch.run(EVERY_S))

    async def take_commands(self) -> bool:
        self.commands_taken += 1
        return True

    def change(self, version: int) -> None:
        self.store.plans = Plan(version=version)
        self.store.numbers = SiteVersions(plan=version, commands=self.store.numbers.commands)


async def test_a_plan_is_loaded_once_for_each_version() -> None:
    sync = Sync()
    sync.change(1)
    await asyncio.sleep(10)
    sync.change(2)
    await asyncio.sleep(10)
    assert sync.engine.plans == [1, 2]
    assert str(sync.history.rules.zone) == "UTC"
    assert sync.commands_taken == 1
    sync.task.cancel()


async def test_a_hint_makes_a_change_effective_immediately() -> None:
    sync = Sync()
    await asyncio.sleep(10.1)
    sync.change(1)
    sync.watch.hint()
    for _ in range(20):
        await asyncio.sleep(0)
    assert sync.engine.plans == [0, 1]
    sync.task.cancel()


async def test_a_plan_that_cannot_be_read_changes_nothing_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    await asyncio.sleep(1)
    sync.change(1)
    sync.store.plans = ConfigError("the plan cannot be used")
    await asyncio.sleep(10)
    assert sync.engine.plans == [0]
    assert [record.getMessage() for record in caplog.records].count("the plan cannot be used") >= 1
    sync.change(2)
    await asyncio.sleep(1)
    assert sync.engine.plans == [0, 2]
    sync.task.cancel()


async def test_a_plan_that_the_engine_cannot_apply_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    sync.engine.breaks = True
    with caplog.at_level(logging.ERROR):
        await asyncio.sleep(5)
    assert sync.engine.plans == [0]
    assert "a fault of Sealbus" in caplog.text
    sync.engine.breaks = False
    sync.change(1)
    await asyncio.sleep(1)
    assert sync.engine.plans == [0, 1]
    sync.task.cancel()


async def test_while_the_database_is_down_the_last_plan_stays_in_force(caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    await asyncio.sleep(1)
    sync.store.is_away = True
    sync.change(1)
    await asyncio.sleep(100)
    assert sync.engine.plans == [0]
    assert [record.getMessage() for record in caplog.records] == ["the database: away"]
    sync.store.is_away = False
    await asyncio.sleep(1)
    assert sync.engine.plans == [0, 1]
    sync.task.cancel()
