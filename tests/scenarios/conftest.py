"""The plant of a scenario, on the event loop that the gateway really runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import uvloop

from scenarios.plant import Plant, open_plant

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path) as plant:
        yield plant
