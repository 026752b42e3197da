"""An invalid row of the configuration disables its tag, device or connection, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios.collecting import connection, neighbours, open_collector
from scenarios.plant import open_device, until
from sealbus.acquisition.blocks import Block
from sealbus.acquisition.polled_connection import PolledConnection
from sealbus.plant import CalculatedPlan, CommandState, DeviceLimits, TagPlan, TestConnection
from sealbus.samples import Quality, Reason

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from scenarios.collecting import Site
    from sealbus.acquisition.polled_connection import DialContext
    from sealbus.plant import ConnectionPlan
    from sealbus.samples import Sample

ROWS = {
    2001: TagPlan(id=2001, place="holding:1", scale=5e-324, interval_s=0.1),
    2002: TagPlan(id=2002, place="holding:2", type="uint32", scale=1e308, interval_s=0.1),
    2003: TagPlan(id=2003, place="holding:4", type="float32", sunspec_type="bitfield32", interval_s=0.1),
    2004: TagPlan(id=2004, place="holding:6", type="bcd32", sunspec_type="bitfield32", interval_s=0.1),
    2005: TagPlan(id=2005, place="holding:8", interval_s=float("nan")),
}
FORMULAS = {
    3001: CalculatedPlan(id=3001, expression='"on" if a > 0 else "off"', inputs={"a": 1001}, low=0.0),
    3002: CalculatedPlan(id=3002, expression="a*0 + (2**500*2**500*2**23-1)+(2**500*2**500*2**23)", inputs={"a": 1001}),
    3003: CalculatedPlan(id=3003, expression="a * 1e308", inputs={"a": 2002}),
    3004: CalculatedPlan(id=3004, expression="a + 1", inputs={"a": 1001}),
}
URLS = ("rtu:///dev/ttyUSB0%00x", "rtu:///dev/tty\udcff", f"tcp://plc:{'9' * 5000}", "relay://relay.example/site")


def is_a_bad_one(site: Site, tag_id: int, *reasons: Reason) -> bool:
    sample = site.last(tag_id)
    return sample is not None and sample.quality is Quality.BAD and sample.reason in reasons


async def test_invalid_rows_that_were_accepted_earlier_stop_nothing_else(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        odd = [connection(10 + number, url, devices=()) for number, url in enumerate(URLS)]
        good = connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(10), *ROWS.values())
        site.apply(*odd, good, calculated=tuple(FORMULAS.values()))
        for number in range(10):
            await site.wait_for_good(1000 + number, number)
        await site.wait_for_good(3001, "on")
        await site.wait_for_good(3004, 2)
        await until(lambda: all(is_a_bad_one(site, row, Reason.NOT_COLLECTED, Reason.NOT_DECODABLE) for row in ROWS))
        await until(lambda: all(is_a_bad_one(site, number, Reason.NOT_COMPUTABLE) for number in (3002, 3003)))
        assert device.connections == 1
        problems = {(problem.what, problem.id): problem.text for problem in site.collector.state().problems}
        assert {("tag", 2001), ("tag", 2003), ("tag", 2004), ("tag", 2005)} <= problems.keys()
        assert {("connection", 10 + number) for number in range(len(URLS))} <= problems.keys()
        assert not [text for text in problems.values() if "fault of Sealbus" in text]


async def test_a_relay_is_reported_as_part_of_another_version_with_any_identity(tmp_path: Path) -> None:
    async with open_collector(tmp_path) as site:
        site.apply(
            connection(1, "relay://relay.example/site", devices=()),
            connection(2, "relay://relay.example/site", identity="viewer", devices=()),
        )
        assert ["not in this version" in each.text for each in site.collector.state().problems] == [True, True]


async def test_an_error_in_decoding_makes_the_tags_of_its_block_bad_and_keeps_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Block.take

    def broken(self: Block, data: bytes, time_us: int, now: float) -> list[Sample]:
        if self.planned.place.address == 100:
            raise RuntimeError("no such thing")
        return honest(self, data, time_us, now)

    monkeypatch.setattr(Block, "take", broken)
    async with open_device() as device, open_collector(tmp_path) as site:
        tags = (*neighbours(2), *neighbours(2, first=100))
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *tags))
        await site.wait_for_bad(1100, Reason.NOT_DECODABLE)
        await site.wait_for_bad(1101, Reason.NOT_DECODABLE)
        device.registers[0] = 77
        await site.wait_for_good(1000, 77)
        assert device.connections == 1
        assert {problem.id for problem in site.collector.state().problems} == {1100, 1101}


async def test_an_error_in_one_device_or_connection_does_not_affect_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, make = DeviceLimits.of, PolledConnection.__init__

    def broken_limits(plan: object) -> DeviceLimits:
        if getattr(plan, "id", 0) == 2:
            raise RuntimeError("no such device")
        return limits(plan)  # type: ignore[arg-type]

    def broken_connection(self: PolledConnection, plan: ConnectionPlan, dial_context: DialContext) -> None:
        if plan.id == 3:
            raise RuntimeError("no such connection")
        make(self, plan, dial_context)

    monkeypatch.setattr(DeviceLimits, "of", broken_limits)
    monkeypatch.setattr(PolledConnection, "__init__", broken_connection)
    async with open_device() as device, open_device() as other, open_collector(tmp_path) as site:
        site.apply(
            connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(1)),
            connection(2, f"tcp://127.0.0.1:{other.port}", *neighbours(1, first=1)),
            connection(3, f"tcp://127.0.0.1:{device.port + 1}", *neighbours(1, first=2)),
        )
        await site.wait_for_good(1000)
        await site.wait_for_bad(1001, Reason.NOT_COLLECTED)
        await site.wait_for_bad(1002, Reason.NOT_COLLECTED)
        assert {(each.what, each.id) for each in site.collector.state().problems} == {("device", 2), ("connection", 3)}


async def test_a_connection_that_cannot_be_checked_again_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: PolledConnection) -> None:
        raise RuntimeError("unexpected")

    async with open_device() as device, open_collector(tmp_path) as site:
        plan = connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(1))
        site.apply(plan)
        await site.wait_for_good(1000)
        monkeypatch.setattr(PolledConnection, "recheck", broken)
        site.apply(plan, networks=["10.0.0.0/8"])
        assert site.collector.state().connections == ()
        await site.wait_for(1000, lambda it: it.quality is Quality.BAD)


async def test_a_command_with_an_internal_error_has_one_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, command: object) -> object:
        raise RuntimeError("no such thing")

    async with open_device() as device, open_collector(tmp_path) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", devices=()))
        too_long = await site.execute(TestConnection(id=1, connection=1, place="holding:0-65535"))
        assert (too_long.state, "longer than one request" in too_long.reason) == (CommandState.REFUSED, True)
        assert device.connections == 0
        monkeypatch.setattr("sealbus.acquisition.commands.RunningCommands._connection_for", broken)
        result = await site.execute(TestConnection(id=2, connection=1))
        assert (result.state, "RuntimeError: no such thing" in result.reason) == (CommandState.FAILED, True)
        await site.execute(TestConnection(id=3, connection=1))  # a second result would have arrived before this sample
        assert len(site.results(2)) == 1


async def test_failing_formulas_and_sinks_lose_no_sample_that_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("no such thing")

    async with open_device() as device, open_collector(tmp_path) as site:
        monkeypatch.setattr(site, "put", broken)
        monkeypatch.setattr("sealbus.acquisition.calculated.Calculations.evaluate", broken)
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(3)))
        for number in range(3):
            await site.wait_for_good(1000 + number, number)
