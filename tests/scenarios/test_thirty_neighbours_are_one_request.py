"""Thirty neighbouring tags are read with one request, whatever their types."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from scenarios.collecting import connection, neighbours, open_collector
from scenarios.plant import open_device, until
from sealbus.plant import TagPlan

if TYPE_CHECKING:
    from pathlib import Path


async def test_thirty_neighbouring_registers_are_read_by_one_request(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(30, first=100)))
        await until(lambda: len(device.requests) >= 5)
        assert {request[7:] for request in device.requests} == {struct.pack(">BHH", 3, 100, 30)}
        assert [(await site.wait_for_good(1000 + address)).value for address in range(100, 130)] == list(
            range(100, 130)
        )


async def test_tags_of_all_types_and_two_intervals_are_two_requests(tmp_path: Path) -> None:
    tags = (
        *neighbours(10, first=0),
        TagPlan(id=1, place="holding:10", type="float32", order="CDAB", interval_s=0.1),
        TagPlan(id=2, place="holding:12", type="string", length=4, interval_s=0.1),
        TagPlan(id=3, place="holding:3", bit=1, interval_s=0.1),
        TagPlan(id=4, place="holding:2", type="uint64", interval_s=3.0),
    )
    async with open_device() as device, open_collector(tmp_path) as site:
        device.registers.update({10: 0xF5C3, 11: 0x4048, 12: 0x5365, 13: 0x616C, 14: 0x0000})
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *tags))
        assert (await site.wait_for_good(1)).value == struct.unpack(">f", bytes.fromhex("4048f5c3"))[0]
        assert (await site.wait_for_good(2)).value == "Seal"
        assert (await site.wait_for_good(3)).value is True
        assert (await site.wait_for_good(4)).value == 0x0002_0003_0004_0005
        assert {request[7:] for request in device.requests} == {
            struct.pack(">BHH", 3, 0, 16),
            struct.pack(">BHH", 3, 2, 4),
        }
