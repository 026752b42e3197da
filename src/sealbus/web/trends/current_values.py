"""The current values for one request: from the hub of this process, and from history where the hub has none.

While the hub is live, it has every value that the collector has. When it is not live, or does not run in this process,
the last stored sample is used, and it is stale once it is older than its tag allows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.history import HistoryUnavailable
from sealbus.plant import stale_after_s
from sealbus.web.trends.freshness import with_staleness
from sealbus.web.trends.hub import LiveState
from sealbus.web.trends.live_service import running_service
from sealbus.web.trends.store import history

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.samples import Sample
    from sealbus.web.trends.queries import RequestedTag

__all__ = ["CurrentValues", "current_values"]

_MAX_FROM_HISTORY = 1_000


@dataclass(frozen=True, slots=True)
class CurrentValues:
    """The latest samples in the order of the request, None without one; `state` is the hub's, or "history"."""

    state: str
    time_us: int
    samples: list[tuple[int, Sample | None]]


def current_values(tags: Sequence[RequestedTag]) -> CurrentValues:
    """The latest samples. If history does not answer, its part is missing: the values of the hub are still useful."""
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
        found |= _stored(missing[:_MAX_FROM_HISTORY], now_us)
    return CurrentValues(state, now_us, [(tag.tag_id, found.get(tag.tag_id)) for tag in tags])


def _stored(tags: Sequence[RequestedTag], now_us: int) -> dict[int, Sample]:
    good_for_s = {tag.tag_id: stale_after_s(tag.stale_after_s, tag.interval_s) for tag in tags}
    try:
        samples = history().latest(list(good_for_s))
    except HistoryUnavailable:
        return {}
    return {each.tag_id: with_staleness(each, good_for_s[each.tag_id], now_us) for each in samples}
