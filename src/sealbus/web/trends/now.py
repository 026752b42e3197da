"""The values now, for who asks once: from the hub of this process, and where that knows none, from history.

While the hub is live the collector has said all there is to say. When it is not, or runs nowhere in this process, the
last stored sample stands in, stale as soon as its own time is up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.history import HistoryUnavailable
from sealbus.plant import stale_after_s
from sealbus.web.trends.freshness import judged
from sealbus.web.trends.hub import LiveState
from sealbus.web.trends.service import running_service
from sealbus.web.trends.store import history

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.samples import Sample
    from sealbus.web.trends.queries import AskedTag

__all__ = ["Now", "values_now"]

_MOST_FROM_HISTORY = 1_000


@dataclass(frozen=True, slots=True)
class Now:
    """The latest samples in the order asked for, None where there is none; `state` is the hub's, or "history"."""

    state: str
    time_us: int
    samples: list[tuple[int, Sample | None]]


def values_now(tags: Sequence[AskedTag]) -> Now:
    """What is known. A store that is down leaves holes, not an error: what the hub knows is still worth telling."""
    now_us = time.time_ns() // 1000
    service = running_service()
    found: dict[int, Sample] = {}
    state = "history"
    if service is not None:
        state = service.hub.state.value
        get = service.hub.values.get
        found = {tag.tag_id: sample for tag in tags if (sample := get(tag.tag_id)) is not None}
    missing = [tag for tag in tags if tag.tag_id not in found]
    if missing and state != LiveState.LIVE:
        found |= _stored(missing[:_MOST_FROM_HISTORY], now_us)
    return Now(state, now_us, [(tag.tag_id, found.get(tag.tag_id)) for tag in tags])


def _stored(tags: Sequence[AskedTag], now_us: int) -> dict[int, Sample]:
    good_for_s = {tag.tag_id: stale_after_s(tag.stale_after_s, tag.interval_s) for tag in tags}
    try:
        samples = history().latest(list(good_for_s))
    except HistoryUnavailable:
        return {}
    return {each.tag_id: judged(each, good_for_s[each.tag_id], now_us) for each in samples}
