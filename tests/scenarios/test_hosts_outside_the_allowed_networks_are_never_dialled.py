"""Only allowed addresses are dialled, whatever endpoint a user enters and whatever the name service answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scenarios.collecting import connection, neighbours, open_collector
from scenarios.plant import open_device, until
from sealbus.plant import CommandState, Step, TestConnection
from sealbus.samples import Reason

if TYPE_CHECKING:
    from pathlib import Path


class NameService:
    """A name service under the control of an attacker: its answers in order."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.lookups = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.lookups += 1
        if host.replace(".", "").isdecimal() or ":" in host:
            return [host]
        return [self.answers[min(self.lookups, len(self.answers)) - 1]]


TRICKS = ["127.0.0.1", "localhost", "0x7f.1", "0x7f000001", "[::ffff:127.0.0.1]", "[::1]", "rebound.example"]


@pytest.mark.parametrize("host", TRICKS)
async def test_a_device_on_this_machine_is_not_reached_by_any_name(tmp_path: Path, host: str) -> None:
    async with open_device() as device, open_collector(tmp_path, resolve=NameService("127.0.0.1")) as site:
        url = f"tcp://{host}:{device.port}"
        site.apply(connection(1, url, *neighbours(1)), networks=["10.0.0.0/8 *", "0.0.0.0/0 *", "::/0 *"])
        await site.wait_for_bad(1000, Reason.UNREACHABLE)
        for command in (
            TestConnection(id=1, connection=1),
            TestConnection(id=2, connection=connection(9, url, timeout_s=0.5)),
        ):
            result = await site.execute(command)
            assert (result.state, result.failed_at) == (CommandState.FAILED, Step.RULES)
            assert "not allowed" in result.reason or "not an IP address" in result.reason
        assert device.connections == 0
        state = site.collector.state().connections[0]
        assert (state.status, state.connects) == ("refused", 0)


async def test_the_same_device_is_reached_where_it_is_allowed_by_name(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path, resolve=NameService("127.0.0.1")) as site:
        site.apply(connection(1, f"tcp://plant.example:{device.port}", *neighbours(1)), networks=["127.0.0.1 *"])
        await site.wait_for_good(1000)


async def test_an_allowed_port_opens_no_other(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(1)), networks=["127.0.0.1 502"])
        await site.wait_for_bad(1000, Reason.UNREACHABLE)
        assert device.connections == 0


async def test_a_name_that_changes_its_address_after_the_check_is_not_dialled(tmp_path: Path) -> None:
    """DNS rebinding: the first answer is allowed, every later one is the address of the victim."""
    names = NameService("127.0.0.2", "127.0.0.1")
    async with open_device() as victim, open_collector(tmp_path, resolve=names) as site:
        site.apply(
            connection(1, f"tcp://rebound.example:{victim.port}", *neighbours(1), connect_timeout_s=0.5),
            networks=["127.0.0.2 *"],
        )
        await site.wait_for_bad(1000, Reason.UNREACHABLE)
        await until(lambda: names.lookups >= 3)
        assert victim.connections == 0


async def test_a_network_removed_from_the_rules_ends_its_connections_and_is_not_dialled_again(
    tmp_path: Path,
) -> None:
    async with open_device() as device, open_device() as other, open_collector(tmp_path) as site:
        plans = (
            connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(1)),
            connection(2, f"tcp://127.0.0.1:{other.port}", *neighbours(1, first=1)),
        )
        site.apply(*plans)
        await site.wait_for_good(1000)
        await site.wait_for_good(1001)
        site.apply(*plans, networks=[f"127.0.0.1 {other.port}"])
        await until(lambda: not device.live)
        await site.wait_for_bad(1000, Reason.UNREACHABLE)
        assert (device.connections, other.connections) == (1, 1)
        assert site.collector.state().connections[0].status == "refused"
        site.apply(*plans)
        await site.wait_for_good(1000)


async def test_without_any_rule_nothing_is_dialled(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(1)), networks=[])
        await site.wait_for_bad(1000, Reason.UNREACHABLE)
        assert device.connections == 0
