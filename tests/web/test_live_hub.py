"""The hub corrects itself: a snapshot comes every so often without a reason, and no value is from the future."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from sealbus.bus import BusState, decode_snapshot_request, encode_samples, encode_snapshot_page
from sealbus.samples import MAX_AHEAD_US, US_PER_S, Quality, Sample
from sealbus.web.coordination.probes import ADVISORIES, PROBES
from sealbus.web.trends import live_service
from sealbus.web.trends.hub import LiveHub, LiveState
from sealbus.web.trends.limits import LiveLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import pytest

    from sealbus.bus import Subscription

_PATIENCE_S = 30.0
_LIMITS = LiveLimits(silence_s=1000.0, tick_s=0.005, snapshot_every_s=0.0, snapshot_again_s=0.02)
_HOUR_US = 3600 * US_PER_S


class _Subscription:
    """Messages that the test puts in."""

    lost = 0

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()

    def __aiter__(self) -> _Subscription:
        return self

    async def __anext__(self) -> Any:
        return SimpleNamespace(payload=await self.queue.get())

    async def __aenter__(self) -> _Subscription:
        return self

    async def __aexit__(self, *error: object) -> None:
        return


class _Bus:
    """A connected bus whose collector has these values."""

    def __init__(self) -> None:
        self.messages = _Subscription()
        self.collected: list[Sample] = []
        self.asked = self.refused = 0
        self.refusal = ""

    async def say(self, hub: LiveHub, *samples: Sample) -> None:
        """Publish these, and wait until the hub has taken them."""
        before = hub.values.last_batch()
        self.messages.queue.put_nowait(encode_samples(samples)[0])
        while hub.values.last_batch() == before:
            await asyncio.sleep(0)

    def subscribe(self, *topics: str, depth: int) -> Subscription:
        return cast("Subscription", self.messages)

    async def request(self, topic: str, payload: bytes, *, timeout_s: float) -> bytes:
        self.asked += 1
        return encode_snapshot_page(self.collected, decode_snapshot_request(payload))

    def state(self) -> BusState:
        return BusState(
            connected=True, since=datetime.now(UTC), problem="", published=0, dropped=0, lost=0, malformed=0,
            refused=self.refused, refusal=self.refusal, reconnects=0,
        )  # fmt: skip


async def _stored(tag_ids: Sequence[int]) -> Sequence[Sample]:
    return []


@asynccontextmanager
async def _running(limits: LiveLimits = _LIMITS) -> AsyncIterator[tuple[LiveHub, _Bus]]:
    bus = _Bus()
    hub = LiveHub(bus, _stored, limits)
    hub.values.keep_only([1, 2])
    running = asyncio.create_task(hub.run())
    try:
        async with asyncio.timeout(_PATIENCE_S):
            yield hub, bus
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _now_us() -> int:
    return time.time_ns() // 1000


async def test_a_wrong_value_is_replaced_by_the_next_snapshot_although_nothing_was_lost() -> None:
    right, wrong = Sample(1, _now_us(), 5), Sample(1, _now_us(), 4242)
    async with _running() as (hub, bus):
        bus.collected = [right]
        await bus.say(hub)
        while hub._snapshot.is_due:
            await asyncio.sleep(0)
        await bus.say(hub, wrong)
        while hub.values.get(1) != right:
            await asyncio.sleep(0.005)
        assert hub.state is LiveState.LIVE


async def test_snapshots_follow_each_other_without_a_reason() -> None:
    async with _running() as (hub, bus):
        await bus.say(hub)
        while hub._snapshot.is_due:
            await asyncio.sleep(0)
        bus.asked = 0
        while bus.asked < 5:
            await asyncio.sleep(0.005)


async def test_a_sample_from_the_future_is_dropped_and_the_others_of_its_message_are_taken() -> None:
    ahead_us = _now_us() + MAX_AHEAD_US  # as far as a sample clock that makes up a step back may be
    async with _running() as (hub, bus):
        samples = [Sample(1, ahead_us + _HOUR_US, 4242), Sample(2, ahead_us, 5)]
        bus.collected = samples[1:]
        await bus.say(hub, *samples)
        assert hub.values.get(2) == samples[1]
        assert hub.values.get(1) is None
        assert hub.from_the_future == 1


def test_refused_messages_of_the_bus_are_shown_to_administrators_and_the_site_stays_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = _Bus()
    monkeypatch.setattr(live_service._Running, "service", SimpleNamespace(bus=bus))
    assert ADVISORIES["bus messages"]() == ""
    bus.refused, bus.refusal = 3, "the MAC is not of this site"
    assert ADVISORIES["bus messages"]() == "3 messages were refused; the last one: the MAC is not of this site"
    assert "bus messages" not in PROBES


async def test_a_value_that_the_snapshot_dates_in_the_future_is_not_current() -> None:
    held = Sample(1, _now_us(), 5)
    async with _running() as (hub, bus):
        bus.collected = [held]
        await bus.say(hub, held)
        bus.collected = [Sample(1, _now_us() + MAX_AHEAD_US + _HOUR_US, 4242)]
        while (sample := hub.values.get(1)) is None or sample.quality is not Quality.STALE:
            await asyncio.sleep(0.005)
        assert sample.value == 5
