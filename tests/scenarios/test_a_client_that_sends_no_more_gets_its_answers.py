"""A client that closes its sending side after its requests, as `nc -N` does, still gets the answers: on a plain listener."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scenarios.plant import RawClient, adu, open_device, open_plant, read_holding, words

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_requests_before_the_end_are_answered(tmp_path: Path) -> None:
    async with open_device() as device:
        units = f'units = "1-10"\nurl = "tcp://127.0.0.1:{device.port}"'
        plain = f'[[listener]]\nurl = "tcp://127.0.0.1:0"\nunsafe_no_policy = true\n[[listener.device]]\n{units}'
        async with open_plant(tmp_path, device=f"{units}\n{plain}") as plant:
            _, service = plant.process.gateway.services.values()
            client = RawClient(*await asyncio.open_connection("127.0.0.1", service.port))
            await client.send(adu(1, read_holding(10, 1)) + adu(2, read_holding(20, 1)))
            client.writer.write_eof()
            assert await client.receive(2) == [adu(1, words(10)), adu(2, words(20))]
            assert await client.closed() == b"", "then the gateway closes too"
            await client.close()
