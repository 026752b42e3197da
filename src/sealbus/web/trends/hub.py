"""The current values in one web process: received from the bus once, for all clients of this process.

    bus --live--> LatestValues --touch--> followers        snapshot: when `snapshot_need` says so

The state shows how current they are; it is sent to the clients:

| state | the bus | the collector | values |
| --- | --- | --- | --- |
| starting | connected or not | no message yet | from history |
| live | connected | a message within `silence_s` | as published |
| silent | connected | no message | become stale, each after its own time |
| cut-off | not connected | unknown | become stale; newer ones come from history, a few seconds late |

While the state is live, the quality is the collector's. Otherwise values become stale by `freshness`: an old value is never
fresh. `snapshot_need` decides when a snapshot is due.
"""

from __future__ import annotations

import asyncio
import logging
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sealbus.bus import LIVE_TOPIC, SNAPSHOT_TOPIC, decode_samples, decode_snapshot_page, encode_snapshot_request
from sealbus.errors import PeerError, SealbusError
from sealbus.plant import with_collector_id
from sealbus.samples import MAX_AHEAD_US, US_PER_S, Reason
from sealbus.web.trends.catalog import Catalog
from sealbus.web.trends.followers import Followers
from sealbus.web.trends.freshness import is_past, with_staleness
from sealbus.web.trends.latest import LatestValues
from sealbus.web.trends.snapshot_need import SnapshotNeed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sealbus.bus import BusState, Subscription
    from sealbus.samples import Sample
    from sealbus.web.trends.limits import LiveLimits

__all__ = ["BusPort", "LiveHub", "LiveState"]

_SNAPSHOT_ANSWER_S = 5.0
_MAX_AHEAD_US = MAX_AHEAD_US + 60 * US_PER_S  # the clocks of two machines may differ by a minute, as on the bus
_MAX_FROM_HISTORY = 2_000  # tags in one step; the others follow in the next
_DEPTH = 2_000  # batches that may be queued for this process

_log = logging.getLogger(__name__)


class LiveState(StrEnum):
    """How live the values are. The values are part of the API."""

    STARTING = "starting"
    LIVE = "live"
    SILENT = "silent"
    CUT_OFF = "cut-off"


_LOG_TEXTS = {
    LiveState.STARTING: "no live values yet: waiting for the bus",
    LiveState.LIVE: "live values arrive from the collector",
    LiveState.SILENT: "no live values: the bus is connected, but the collector sends nothing",
    LiveState.CUT_OFF: "no live values: the bus is not connected",
}


class BusPort(Protocol):
    """The part of the bus that the hub uses."""

    def subscribe(self, *topics: str, depth: int) -> Subscription:
        """Receive the messages of these topics."""
        ...

    async def request(self, topic: str, payload: bytes, *, timeout_s: float) -> bytes:
        """Send a request, and wait for its reply."""
        ...

    def state(self) -> BusState:
        """The state of the connection."""
        ...


class LiveHub:
    """Run `run` in the loop of the web process. Everything else is called from that loop too, except `values.get`.

    `stored` reads the newest samples of tags from history.
    """

    def __init__(
        self, bus: BusPort, stored: Callable[[Sequence[int]], Awaitable[Sequence[Sample]]], limits: LiveLimits
    ) -> None:
        self.values = LatestValues()
        self.followers = Followers()
        self.catalog = Catalog()
        self.state = LiveState.STARTING
        self.since_us = _now_us()
        """The time of the last change of the state."""
        self.malformed = 0
        """The number of messages on the live topic that could not be decoded."""
        self.from_the_future = 0
        """The number of samples that were dropped because of their time."""
        self._bus = bus
        self._stored = stored
        self._limits = limits
        self._began_at = self._connected_at = time.monotonic()
        self._received_at = float("-inf")
        self._was_connected = False
        self._snapshot = SnapshotNeed()
        self._snapshot_at = self._history_at = float("-inf")
        self._history_offset = 0

    def take_catalog(self, catalog: Catalog) -> None:
        """Use the catalog of a changed configuration."""
        self.catalog = catalog
        self.values.keep_only(catalog.tags)
        self._snapshot.want()  # samples of a new tag may have been published before it was known here

    async def run(self) -> None:
        """Receive live values and watch the state, until it is cancelled."""
        topic = with_collector_id(LIVE_TOPIC)
        async with self._bus.subscribe(topic, depth=_DEPTH) as subscription, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive(subscription), name="live values")
            tasks.create_task(self._watch_state(subscription), name="live state")

    async def _receive(self, subscription: Subscription) -> None:
        async for message in subscription:
            try:
                samples = decode_samples(message.payload)
            except PeerError as error:
                if not self.malformed:
                    _log.warning("a message on the bus topic %s cannot be decoded: %s", LIVE_TOPIC, error)
                self.malformed += 1
                continue
            self._snapshot.on_message()
            if self.state is not LiveState.LIVE:
                self._snapshot.want()
            self._note_collector()
            self.followers.mark_due(self.values.take_batch(self._credible(samples)))
            await asyncio.sleep(0)  # a long queue must not block the loop

    def _credible(self, samples: Sequence[Sample]) -> Sequence[Sample]:
        """Without those from the future: a value that nobody can have measured yet must not be shown as current."""
        latest_us = _now_us() + _MAX_AHEAD_US
        if all(sample.time_us <= latest_us for sample in samples):
            return samples
        credible = [sample for sample in samples if sample.time_us <= latest_us]
        if not self.from_the_future:
            _log.warning("live values with a time in the future were dropped: compare the clocks of the machines")
        self.from_the_future += len(samples) - len(credible)
        return credible

    async def _watch_state(self, subscription: Subscription) -> None:
        while True:
            self._update_state()
            now = time.monotonic()
            if self.state is LiveState.LIVE and now - self._snapshot_at >= self._limits.snapshot_again_s:
                self._snapshot.want()
            self._snapshot.on_gaps(subscription.lost + self._bus.state().reconnects)
            may_request = self._was_connected and now - self._snapshot_at >= self._limits.snapshot_every_s
            if self._snapshot.is_due and may_request:
                self._snapshot_at = now
                await self._take_snapshot()
            if self.state is not LiveState.LIVE:
                self._age()
                if now - self._history_at >= self._limits.history_every_s:
                    self._history_at = now
                    await self._take_from_history()
            await asyncio.sleep(self._limits.tick_s)

    def _note_collector(self) -> None:
        """A message or a snapshot has come from the collector."""
        self._received_at = time.monotonic()
        self._become(LiveState.LIVE)

    def _update_state(self) -> None:
        now, connected = time.monotonic(), self._bus.state().connected
        if connected and not self._was_connected:
            self._connected_at = now
        self._was_connected = connected
        if not connected:
            is_new = self._received_at == float("-inf") and now - self._began_at <= self._limits.silence_s
            self._become(LiveState.STARTING if is_new else LiveState.CUT_OFF)
        elif now - max(self._received_at, self._connected_at) > self._limits.silence_s:
            self._become(LiveState.SILENT)

    def _become(self, state: LiveState) -> None:
        if state is not self.state:
            problem = self._bus.state().problem if state is LiveState.CUT_OFF else ""
            _log.info("%s%s", _LOG_TEXTS[state], f": {problem}" if problem else "")
            self.state, self.since_us = state, _now_us()
            self.followers.wake_all()

    async def _take_snapshot(self) -> None:
        since_batch, in_snapshot, first = self.values.last_batch(), set[int](), 0
        generation = self._snapshot.begin()
        try:
            while True:
                payload = await self._bus.request(
                    with_collector_id(SNAPSHOT_TOPIC), encode_snapshot_request(first), timeout_s=_SNAPSHOT_ANSWER_S
                )
                page = decode_snapshot_page(payload)
                if page.samples and page.samples[0].tag_id < first:
                    raise PeerError("the pages of a snapshot are not in order")
                samples = self._credible(page.samples)
                in_snapshot.update(sample.tag_id for sample in samples)
                self.followers.mark_due(self.values.take_snapshot(samples, since_batch))
                if page.next_tag_id is None:
                    break
                first = page.next_tag_id
        except SealbusError as error:
            _log.debug("no snapshot: %s", error)
            return
        self._note_collector()
        self._snapshot.finish(generation)
        self.followers.mark_due(
            self.values.age(self.values.missing_since(since_batch, in_snapshot), Reason.NOT_COLLECTED)
        )

    def _age(self) -> None:
        silence_s = time.monotonic() - max(self._received_at, self._began_at)
        now_us, old = _now_us(), []
        for tag_id, tag in self.catalog.tags.items():
            if silence_s > tag.stale_after_s:
                sample = self.values.get(tag_id)
                if sample is not None and is_past(sample, tag.stale_after_s, now_us):
                    old.append(tag_id)
        self.followers.mark_due(self.values.age(old, Reason.NOT_REFRESHED))

    async def _take_from_history(self) -> None:
        wanted = self.followers.followed()
        if len(wanted) > _MAX_FROM_HISTORY:
            start = self._history_offset % len(wanted)
            wanted = (wanted[start:] + wanted[:start])[:_MAX_FROM_HISTORY]
            self._history_offset = start + _MAX_FROM_HISTORY
        if not wanted:
            return
        try:
            found = await self._stored(wanted)
        except SealbusError as error:
            _log.debug("no values from history: %s", error)
            return
        now_us, tags = _now_us(), self.catalog.tags
        samples = [
            with_staleness(each, tags[each.tag_id].stale_after_s, now_us) for each in found if each.tag_id in tags
        ]
        self.followers.mark_due(self.values.take_stored(samples))


def _now_us() -> int:
    return time.time_ns() // 1000
