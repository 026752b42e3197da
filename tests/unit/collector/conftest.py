"""The unit tests of the collector run on a clock that jumps, but for those of the process, which have real sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from unit.client.jumping_loop import JumpingLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name == "test_process.py":
        return {"real": asyncio.new_event_loop}
    return {"jumping": JumpingLoop}
