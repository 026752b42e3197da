"""What the values are now, in one web process: heard on the bus once, handed to all clients of this process.

    bus --live--> LatestValues --touch--> followers        snapshot: at the start, after a gap, when it was silent

How live they are is a state, which clients are told:

| state | the bus | the collector | values |
| --- | --- | --- | --- |
| starting | perhaps | not heard yet | from history |
| live | connected | heard within `silence_s` | as it says |
| silent | connected | not heard | grow stale, each when its own time is up |
| cut-off | away | unknown | grow stale; newer ones come from history, a few seconds late |

While it is live the collector judges quality, and nothing here does. When nobody vouches for a value it grows stale
(`freshness`): no data is never fresh. A hole in the row of messages is mended by a snapshot, and so is a new connection:
by one that was asked for after the first message came, since what was said before the bus knew of us is not heard.
"""

from __future__ import annotations

import asyncio
import logging
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sealbus.bus import LIVE_TOPIC, SNAPSHOT_TOPIC, decode_samples, decode_snapshot_page, encode_snapshot_request
from sealbus.errors import PeerError, SealbusError
from sealbus.samples import Reason
from sealbus.web.trends.catalog import Catalog
from sealbus.web.trends.followers import Followers
from sealbus.web.trends.freshness import is_past, judged
from sealbus.web.trends.latest import LatestValues

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sealbus.bus import BusState, Subscription
    from sealbus.samples import Sample
    from sealbus.web.trends.limits import LiveLimits

__all__ = ["BusPort", "LiveHub", "LiveState"]

_SNAPSHOT_ANSWER_S = 5.0
_MOST_FROM_HISTORY = 2_000  # tags at once; the others have their turn next time
_DEPTH = 2_000  # batches that wait for this process

_log = logging.getLogger(__name__)


class LiveState(StrEnum):
    """How live the values are."""

    STARTING = "starting"
    LIVE = "live"
    SILENT = "silent"
    CUT_OFF = "cut-off"


class BusPort(Protocol):
    """What the hub needs of the bus."""

    def subscribe(self, *topics: str, depth: int) -> Subscription:
        """Listen."""
        ...

    async def request(self, topic: str, payload: bytes, *, timeout_s: float) -> bytes:
        """Ask."""
        ...

    def state(self) -> BusState:
        """How it is."""
        ...


class LiveHub:
    """Run `run` in the loop of the web process. All else is called from that loop too, but for `values.get`."""

    def __init__(
        self, bus: BusPort, stored: Callable[[Sequence[int]], Awaitable[Sequence[Sample]]], limits: LiveLimits
    ) -> None:
        self.values = LatestValues()
        self.followers = Followers()
        self.catalog = Catalog()
        self.state = LiveState.STARTING
        self.since_us = _now_us()
        """Since when it has been in this state."""
        self.malformed = 0
        """How many messages were no live values."""
        self._bus = bus
        self._stored = stored
        self._limits = limits
        self._began_at = self._connected_at = time.monotonic()
        self._heard_at = float("-inf")
        self._was_connected = False
        self._gaps = 0
        self._hears = False
        self._doubts = 1
        self._settled = 0
        self._asked_at = self._looked_at = float("-inf")
        self._turn = 0

    def take_catalog(self, catalog: Catalog) -> None:
        """The configuration is another one."""
        self.catalog = catalog
        self.values.know(catalog.tags)
        self._doubts += 1  # what is new may have been told of already

    async def run(self) -> None:
        """Until it is cancelled."""
        async with self._bus.subscribe(LIVE_TOPIC, depth=_DEPTH) as subscription, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear(subscription), name="live values")
            tasks.create_task(self._watch(subscription), name="live state")

    async def _hear(self, subscription: Subscription) -> None:
        async for message in subscription:
            try:
                samples = decode_samples(message.payload)
            except PeerError as error:
                if not self.malformed:
                    _log.warning("somebody publishes what is no live value: %s", error)
                self.malformed += 1
                continue
            self._hears = True
            self._doubts += self.state is not LiveState.LIVE
            self._vouch()
            self.followers.touch(self.values.hear(samples))
            await asyncio.sleep(0)  # a long queue must not keep the loop from its clients

    async def _watch(self, subscription: Subscription) -> None:
        while True:
            self._judge()
            now = time.monotonic()
            gaps = subscription.lost + self._bus.state().reconnects
            if gaps != self._gaps:
                self._gaps, self._hears = gaps, False
                self._doubts += 1
            if (
                self._settled != self._doubts
                and self._was_connected
                and now - self._asked_at >= self._limits.snapshot_every_s
            ):
                self._asked_at = now
                await self._take_snapshot()
            if self.state is not LiveState.LIVE:
                self._age()
                if now - self._looked_at >= self._limits.history_every_s:
                    self._looked_at = now
                    await self._look_into_history()
            await asyncio.sleep(self._limits.tick_s)

    def _vouch(self) -> None:
        """The collector gave a sign of life."""
        self._heard_at = time.monotonic()
        self._become(LiveState.LIVE)

    def _judge(self) -> None:
        now, connected = time.monotonic(), self._bus.state().connected
        if connected and not self._was_connected:
            self._connected_at = now
        self._was_connected = connected
        if not connected:
            is_new = self._heard_at == float("-inf") and now - self._began_at <= self._limits.silence_s
            self._become(LiveState.STARTING if is_new else LiveState.CUT_OFF)
        elif now - max(self._heard_at, self._connected_at) > self._limits.silence_s:
            self._become(LiveState.SILENT)

    def _become(self, state: LiveState) -> None:
        if state is not self.state:
            _log.info("live values: %s", state.value)
            self.state, self.since_us = state, _now_us()
            self.followers.wake_all()

    async def _take_snapshot(self) -> None:
        """What gives rise to doubt while it is on its way asks for the next one."""
        mark, told, first = self.values.mark(), set[int](), 0
        hears, doubts = self._hears, self._doubts
        try:
            while True:
                payload = await self._bus.request(
                    SNAPSHOT_TOPIC, encode_snapshot_request(first), timeout_s=_SNAPSHOT_ANSWER_S
                )
                page = decode_snapshot_page(payload)
                if page.samples and page.samples[0].tag_id < first:
                    raise PeerError("a snapshot that leads back")
                told.update(sample.tag_id for sample in page.samples)
                self.followers.touch(self.values.hear_snapshot(page.samples, mark))
                if page.next_tag_id is None:
                    break
                first = page.next_tag_id
        except SealbusError as error:
            _log.debug("no snapshot: %s", error)
            return
        self._vouch()
        if hears:  # else something may have been said between the snapshot and the first message that is heard
            self._settled = doubts
        self.followers.touch(self.values.age(self.values.missing_since(mark, told), Reason.NOT_COLLECTED))

    def _age(self) -> None:
        silence_s = time.monotonic() - max(self._heard_at, self._began_at)
        now_us, old = _now_us(), []
        for tag_id, tag in self.catalog.tags.items():
            if silence_s > tag.stale_after_s:
                sample = self.values.get(tag_id)
                if sample is not None and is_past(sample, tag.stale_after_s, now_us):
                    old.append(tag_id)
        self.followers.touch(self.values.age(old, Reason.NOT_REFRESHED))

    async def _look_into_history(self) -> None:
        wanted = self.followers.followed()
        if len(wanted) > _MOST_FROM_HISTORY:
            self._turn %= len(wanted)
            wanted = (wanted[self._turn :] + wanted[: self._turn])[:_MOST_FROM_HISTORY]
            self._turn += _MOST_FROM_HISTORY
        if not wanted:
            return
        try:
            found = await self._stored(wanted)
        except SealbusError as error:
            _log.debug("history cannot help out: %s", error)
            return
        now_us, tags = _now_us(), self.catalog.tags
        samples = [judged(each, tags[each.tag_id].stale_after_s, now_us) for each in found if each.tag_id in tags]
        self.followers.touch(self.values.hear_stored(samples))


def _now_us() -> int:
    return time.time_ns() // 1000
