"""Two connections to one serial device, or to one host and port, would be two masters: the second is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios.collecting import connection, neighbours, open_collector
from scenarios.plant import open_device, until
from scenarios.serial_line import RtuDevice
from sealbus.plant import CommandState, ReadNow, TagPlan, TestConnection
from sealbus.samples import Reason

if TYPE_CHECKING:
    from pathlib import Path

EVERYWHERE = ["/dev/pts/*", "127.0.0.1 *"]


async def test_a_serial_device_with_two_paths_is_opened_once(tmp_path: Path) -> None:
    async with RtuDevice() as line, open_collector(tmp_path) as site:
        link = tmp_path / "by-id"
        link.symlink_to(line.pty.near)
        plans = (
            connection(1, line.url, *neighbours(1)),
            connection(2, f"rtu://{link}?baud=9600", *neighbours(1, first=1)),
        )
        site.apply(*plans, networks=[*EVERYWHERE, f"{tmp_path}/*"])
        await site.wait_for_good(1000)
        await site.wait_for_bad(1001, Reason.UNREACHABLE)
        first, second = site.collector.state().connections
        assert (first.status, second.status) == ("up", "refused")
        assert "belongs to connection 1" in second.why
        assert line.overlaps == 0
        site.apply(plans[1], networks=[*EVERYWHERE, f"{tmp_path}/*"])
        await site.wait_for_good(1001)


async def test_a_command_for_an_owned_line_uses_the_owner_or_is_refused(tmp_path: Path) -> None:
    async with RtuDevice() as line, open_collector(tmp_path) as site:
        site.apply(connection(1, line.url, *neighbours(1)), networks=EVERYWHERE)
        await site.wait_for_good(1000)
        same = await site.execute(TestConnection(id=1, connection=connection(9, line.url)))
        other = await site.execute(TestConnection(id=2, connection=connection(9, f"{line.url}?baud=9600")))
        assert same.state is CommandState.DONE
        assert (other.state, "belongs to connection 1" in other.reason) == (CommandState.REFUSED, True)
        assert line.overlaps == 0


async def test_a_host_and_port_has_one_connection(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        urls = f"tcp://127.0.0.1:{device.port}", f"rtu+tcp://localhost:{device.port}"
        site.apply(
            connection(1, urls[0], *neighbours(1)),
            connection(2, urls[1], *neighbours(1, first=1)),
            networks=EVERYWHERE,
        )
        await site.wait_for_good(1000)
        await site.wait_for_bad(1001, Reason.UNREACHABLE)
        assert device.connections == 1


async def test_another_spelling_of_an_address_is_the_same_port(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        spellings = "127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1%25lo]"
        site.apply(
            *(
                connection(number, f"tcp://{host}:{device.port}", *neighbours(1, first=number))
                for number, host in enumerate(spellings)
            ),
            networks=EVERYWHERE,
        )
        await site.wait_for_good(1000)
        await site.wait_for_bad(1001, Reason.UNREACHABLE)
        await site.wait_for_bad(1002, Reason.UNREACHABLE)
        assert device.connections == 1


async def test_an_unusable_connection_owns_no_port(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        url = f"tcp://127.0.0.1:{device.port}"
        site.apply(
            connection(1, url, identity="has-no-use", devices=()),
            connection(2, url, *neighbours(1)),
            networks=EVERYWHERE,
        )
        await site.wait_for_good(1000)


async def test_a_disabled_connection_owns_no_port_and_takes_none_from_another_later(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        url = f"tcp://127.0.0.1:{device.port}"
        early, late = neighbours(1, first=50), neighbours(1)
        site.apply(connection(2, url, *early, enabled=False), connection(3, url, *late))
        await site.wait_for_good(1000)
        site.apply(connection(2, url, *early), connection(3, url, *late))
        await site.wait_for_bad(1050, Reason.UNREACHABLE)
        statuses = {each.id: each.status for each in site.collector.state().connections}
        assert statuses == {2: "refused", 3: "up"}
        assert device.connections == 1


async def test_all_requests_of_a_line_are_sent_one_at_a_time(tmp_path: Path) -> None:
    async with RtuDevice() as line, open_collector(tmp_path) as site:
        line.delay_s = 0.01
        site.apply(connection(1, line.url, *neighbours(3)), networks=EVERYWHERE)
        await site.wait_for_good(1000)
        for number in range(10):
            command = ReadNow(id=number, connection=1, unit_id=2, tags=(TagPlan(id=1, place="holding:7"),))
            site.collector.submit(command)
        await until(lambda: all(site.results(number) for number in range(10)))
        assert {result.state for number in range(10) for result in site.results(number)} == {CommandState.DONE}
        assert line.overlaps == 0
