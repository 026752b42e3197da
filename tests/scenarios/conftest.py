"""Fixtures of the scenarios: a plant, and the event loop that the gateway uses in production."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import uvloop

from scenarios.both_clients import CLIENTS, Client
from scenarios.plant import Plant, ScriptedDevice, open_device, open_plant

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path) as plant:
        yield plant


@pytest.fixture
async def device() -> AsyncIterator[ScriptedDevice]:
    async with open_device() as device:
        yield device


@pytest.fixture(params=CLIENTS)
async def modbus(request: pytest.FixtureRequest, device: ScriptedDevice) -> AsyncIterator[Client]:
    """A client of this device, of either kind."""
    client = Client(request.param, f"tcp://127.0.0.1:{device.port}", timeout=20.0)
    yield client
    await client.close()


@pytest.fixture(autouse=True)
def no_error_is_lost_in_the_event_loop(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail the test if asyncio logged an error that no code caught."""
    yield
    errors = [
        record for record in caplog.get_records("call") if record.name == "asyncio" and record.levelno >= logging.ERROR
    ]
    assert not errors, "\n".join(record.getMessage() for record in errors)
