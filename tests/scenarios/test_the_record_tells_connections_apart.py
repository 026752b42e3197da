"""A connection number in the record belongs to one connection of a run, across all listeners."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scenarios.plant import RawClient, adu, exception, open_plant, until, write_register
from sealbus.records import Connected, Denied, Disconnected

if TYPE_CHECKING:
    from pathlib import Path

WRITE, DENIED = adu(1, write_register(100, 7)), adu(1, exception(6, 1))

SECOND_LISTENER = """
[[listener]]
url="mbaps://127.0.0.2:0"
policy = "policy.toml"
[[listener.device]]
units="1-10"
url="tcp://127.0.0.1:9"
"""


async def test_connections_of_two_listeners_have_distinct_numbers(tmp_path: Path) -> None:
    async with open_plant(tmp_path, device=SECOND_LISTENER) as plant:
        first, second = (service.port for service in plant.process.gateway.services.values())
        context = plant.client_context(*plant.issue(role="Viewer"))
        for host, port in 2 * (("127.0.0.1", first), ("127.0.0.2", second)):
            wire = RawClient(*await asyncio.open_connection(host, port, ssl=context, server_hostname="127.0.0.1"))
            assert await wire.request(WRITE) == DENIED
            await wire.close()
        await until(lambda: len(plant.records(Disconnected)) == 4)
        connected = {each.connection: each.listener for each in plant.records(Connected)}
        assert len(set(connected.values())) == 2
        assert len(connected) == 4
        assert [each.connection for each in plant.records(Denied)] == list(connected)
        assert sorted(each.connection for each in plant.records(Disconnected)) == sorted(connected)
