"""One missing address in a merged request makes one tag bad and no other."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from scenarios.collecting import connection, neighbours, open_collector
from scenarios.plant import ScriptedDevice, exception, open_device, until
from sealbus.samples import Reason

if TYPE_CHECKING:
    from pathlib import Path


def lacking(device: ScriptedDevice, *holes: int) -> None:
    """Make the device answer requests that touch these registers with exception 02."""

    def answer(request: bytes) -> bytes:
        address, count = struct.unpack_from(">HH", request, 8)
        if set(holes) & set(range(address, address + count)):
            pdu = exception(3, 2)
            return request[:4] + struct.pack(">H", len(pdu) + 1) + request[6:7] + pdu
        return device.normal_answer(request)

    device.answer = answer


async def test_a_hole_makes_one_tag_bad_and_later_requests_leave_it_out(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        lacking(device, 17)
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(40)))
        bad = await site.wait_for_bad(1017, Reason.NO_SUCH_PLACE)
        assert bad.value is None
        for address in (*range(17), *range(18, 40)):
            assert (await site.wait_for_good(1000 + address)).value == address
        await until(lambda: device.requests[-1][7:] == struct.pack(">BHH", 3, 18, 22))
        device.requests.clear()
        await until(lambda: len(device.requests) >= 6)
        assert {request[7:] for request in device.requests} == {
            struct.pack(">BHH", 3, 0, 17),
            struct.pack(">BHH", 3, 18, 22),
        }
        (poll,) = site.collector.state().connections[0].polls
        assert poll.refused == (1017,)


async def test_a_device_without_holes_is_never_split(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(40)))
        await until(lambda: len(device.requests) >= 5)
        assert len({request[7:] for request in device.requests}) == 1
