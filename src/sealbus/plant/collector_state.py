"""How the collector is: what health checks and metrics show. Plain frozen structs, made when somebody asks."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

__all__ = ["CollectorState", "ConnectionState", "LinkStatus", "PollState", "Problem"]


class LinkStatus(StrEnum):
    """IDLE: nothing has been tried yet. REFUSED: it will not be dialled as it is configured, and `why` says why."""

    IDLE = "idle"
    UP = "up"
    DOWN = "down"
    REFUSED = "refused"


class PollState(Struct, frozen=True, kw_only=True):
    """All tags of one device with one interval. Counters run from when it was last configured."""

    device_id: int
    interval_s: float
    tags: int
    requests_per_round: int
    rounds: int
    requests: int
    failures: int
    overruns: int
    lag_s: float
    """How late the last round began."""
    took_s: float
    """How long it took."""
    refused: tuple[int, ...] = ()
    """Tags that the device has no place for, or does not show to us."""


class ConnectionState(Struct, frozen=True, kw_only=True):
    """One connection. Times of the wall clock in microseconds; `why` is the reason of the last trouble."""

    id: int
    name: str
    url: str
    status: LinkStatus
    why: str
    since_us: int
    last_answer_us: int | None
    address: str
    sent: int
    answered: int
    silent: int
    connects: int
    connect_failures: int
    waiting: int
    silent_units: tuple[int, ...]
    overruns: int
    identity_problem: str = ""
    certificate_not_after_us: int | None = None
    polls: tuple[PollState, ...] = ()


class Problem(Struct, frozen=True, kw_only=True):
    """A part of the plan that cannot be used: `what` is connection, device, tag, calculated or networks."""

    what: str
    id: int
    text: str


class CollectorState(Struct, frozen=True, kw_only=True):
    """All of it."""

    plan_version: int
    connections: tuple[ConnectionState, ...]
    problems: tuple[Problem, ...]
    tags: int
    samples: int
    sample_losses: int
    """Samples that a sink did not take."""
    commands_under_way: int
    clock_set_back: int
    clock_ahead_s: float
