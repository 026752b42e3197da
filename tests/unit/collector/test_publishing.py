"""Live values carry the id of the collector, and silence is filled with keepalives."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from sealbus.bus import (
    KEEPALIVE_S,
    decode_collector_state,
    decode_samples,
    decode_snapshot_page,
    encode_snapshot_request,
)
from sealbus.collector.publishing import LivePublisher, serve_requests
from sealbus.plant import CollectorState
from sealbus.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = 1_700_000_000_000_000


class Bus:
    def __init__(self) -> None:
        self.published: list[tuple[float, str, list[Sample]]] = []
        self.handlers: dict[str, Callable[[bytes], Awaitable[bytes]]] = {}

    def publish(self, topic: str, payload: bytes) -> None:
        self.published.append((asyncio.get_running_loop().time(), topic, decode_samples(payload)))

    def serve(self, topic: str, handler: Callable[[bytes], Awaitable[bytes]]) -> None:
        self.handlers[topic] = handler


class Engine:
    def latest(self) -> list[Sample]:
        return [Sample(2, T, 5), Sample(1, T, 4)]

    def state(self) -> CollectorState:
        return CollectorState(
            plan_version=1, connections=(), problems=(), tags=2, samples=0, sample_losses=0,
            commands_under_way=0, clock_set_back=0, clock_ahead_s=0.0,
        )  # fmt: skip


async def test_while_nothing_changes_keepalives_are_published_at_their_interval() -> None:
    bus = Bus()
    live = LivePublisher(bus, "main")
    keeping = asyncio.create_task(live.keep_alive())
    await asyncio.sleep(10)
    keeping.cancel()
    assert {(topic, len(samples)) for _, topic, samples in bus.published} == {("live/main", 0)}
    times = [0.0, *(at for at, _, _ in bus.published)]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) <= KEEPALIVE_S


async def test_published_values_replace_keepalives() -> None:
    bus = Bus()
    live = LivePublisher(bus, "north")
    keeping = asyncio.create_task(live.keep_alive())
    for _ in range(100):
        await asyncio.sleep(0.1)
        live.publish([Sample(1, T, 5)])
    keeping.cancel()
    assert {(topic, len(samples)) for _, topic, samples in bus.published} == {("live/north", 1)}


async def test_after_cancellation_no_keepalive_is_published() -> None:
    bus = Bus()
    keeping = asyncio.create_task(LivePublisher(bus, "main").keep_alive())
    await asyncio.sleep(1)
    keeping.cancel()
    known = len(bus.published)
    await asyncio.sleep(100)
    assert len(bus.published) == known


async def test_requests_are_answered_under_the_id_of_the_collector() -> None:
    bus = Bus()
    serve_requests(bus, "main", Engine(), Engine().state)
    assert bus.handlers.keys() == {"snapshot/main", "state/main"}
    page = decode_snapshot_page(await bus.handlers["snapshot/main"](encode_snapshot_request(0)))
    assert page.samples == (Sample(1, T, 4), Sample(2, T, 5))
    assert decode_collector_state(await bus.handlers["state/main"](b"")).connections == ()
