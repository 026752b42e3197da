"""Both engines on both event loops; an unhandled error in the loop fails the test."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
import uvloop

from redis_server import RedisServer
from unit.bus.engines import Engine, LocalEngine, RedisEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("one_loop") is not None:
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="module", params=["local", pytest.param("redis", marks=pytest.mark.needs("redis"))])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One of the engines, with its hub or server in another process."""
    folder: Path = tmp_path_factory.mktemp("bus")
    engine: Engine = (
        LocalEngine(folder / "bus")
        if request.param == "local"
        else RedisEngine(RedisServer(folder / "redis", password="seal it"))
    )
    yield engine
    engine.kill()


@pytest.fixture
def engine(running: Engine) -> Engine:
    """The engine, started again if the test before killed it."""
    running.start()
    return running


@pytest.fixture(autouse=True)
def no_error_goes_unnoticed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """An unhandled error in the event loop fails the test."""
    yield
    errors = [
        record for record in caplog.get_records("call") if record.name == "asyncio" and record.levelno >= logging.ERROR
    ]
    assert not errors, "\n".join(record.getMessage() for record in errors)
