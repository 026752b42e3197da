"""The unit tests of the gateway run on a clock that the loop advances itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unit.client.jumping_loop import JumpingLoop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    import pytest


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"jumping": JumpingLoop}
