"""The state of the collector, requested over the bus by a thread of this web process."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sealbus.bus import STATE_TOPIC, decode_collector_state
from sealbus.errors import SealbusError
from sealbus.plant import with_collector_id
from sealbus.samples import US_PER_S
from sealbus.web.trends.live_service import running_service

if TYPE_CHECKING:
    from sealbus.plant import CollectorState, SamplesState

__all__ = ["lost_samples", "request_collector_state", "samples_problem"]

_GOOD_FOR_S = 1.0


def request_collector_state() -> CollectorState | None:
    """None where no collector answers in time. A bus that is down is not waited for."""
    service = running_service()
    if service is None or not service.bus.state().connected:
        return None
    answer_s = service.limits.collector_answer_s
    asked = service.bus.request(with_collector_id(STATE_TOPIC), b"", timeout_s=answer_s)
    try:
        payload = asyncio.run_coroutine_threadsafe(asked, service.loop).result(answer_s + 1)
        return decode_collector_state(payload)
    except (SealbusError, TimeoutError):
        return None


class _Newest:
    """The last state for probes, which run one after the other: a bus that hangs is waited for once in a round."""

    state: CollectorState | None = None
    until: float = float("-inf")


def _state_for_probes() -> CollectorState | None:
    if time.monotonic() >= _Newest.until:
        _Newest.state = request_collector_state()
        _Newest.until = time.monotonic() + _GOOD_FOR_S
    return _Newest.state


def samples_problem() -> str:
    """Why samples are not spooled or stored; empty if it can, or if no collector answers, which another part says."""
    state = _state_for_probes()
    return "" if state is None else state.history.problem


def lost_samples() -> str:
    """The advisory about samples that are not in history, from the start of the collector on."""
    state = _state_for_probes()
    return "" if state is None else _losses(state.history)


def _losses(samples: SamplesState) -> str:
    losses = []
    if samples.lost_from_us is not None and samples.lost_to_us is not None:
        span = f"{_time(samples.lost_from_us)} to {_time(samples.lost_to_us)}"
        losses.append(f"{samples.lost} samples are lost, from {span}")
    if samples.damaged_files:
        losses.append(f"{samples.damaged_files} files of the spool end in samples that cannot be read")
    return "; ".join(losses)


def _time(time_us: int) -> str:
    try:
        return datetime.fromtimestamp(time_us // US_PER_S, UTC).isoformat()
    except (ValueError, OverflowError):  # a clock that was wrong by millennia
        return f"{time_us} us"
