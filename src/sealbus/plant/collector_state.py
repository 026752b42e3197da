"""The state of the collector, for health checks, metrics and the site. Frozen structs, made on request."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

__all__ = ["CollectorState", "ConnectionState", "ConnectionStatus", "PollState", "Problem", "SamplesState"]


class ConnectionStatus(StrEnum):
    """IDLE: nothing has been tried yet. REFUSED: it is not dialled as it is configured; `why` is the reason."""

    IDLE = "idle"
    UP = "up"
    DOWN = "down"
    REFUSED = "refused"


class PollState(Struct, frozen=True, kw_only=True):
    """All tags of one device with one interval. Counters start when the device is configured."""

    device_id: int
    interval_s: float
    tags: int
    requests_per_round: int
    rounds: int
    requests: int
    failures: int
    overruns: int
    lag_s: float
    """How late the last round began, in seconds."""
    took_s: float
    """How long the last round took, in seconds."""
    refused: tuple[int, ...] = ()
    """The ids of tags whose place the device does not answer while it answers others. They are tried from time to time."""


class ConnectionState(Struct, frozen=True, kw_only=True):
    """One connection. Times are microseconds of the wall clock; `why` is the reason of the last failure."""

    id: int
    name: str
    url: str
    status: ConnectionStatus
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
    """Units that answered none of the last requests."""
    overruns: int
    identity_problem: str = ""
    certificate_not_after_us: int | None = None
    polls: tuple[PollState, ...] = ()


class Problem(Struct, frozen=True, kw_only=True):
    """A part of the plan that cannot be used: `what` is connection, device, tag, calculated or networks."""

    what: str
    id: int
    text: str


class SamplesState(Struct, frozen=True, kw_only=True):
    """The samples on their way to history. Counters start with the collector; times are microseconds in UTC."""

    in_memory: int = 0
    """Samples that are in memory only: they are lost when the process dies."""
    on_disk: int = 0
    """Samples that are on disk and not in the store yet."""
    stored: int = 0
    lost: int = 0
    """Samples that are not in history and never will be: there was no space, or no store can hold them."""
    lost_from_us: int | None = None
    lost_to_us: int | None = None
    """The times of the first and the last sample that was lost."""
    damaged_files: int = 0
    """Files of the spool whose end could not be read: an unknown number of samples is lost."""
    problem: str = ""
    """Why samples are not spooled or not stored at the moment."""


class CollectorState(Struct, frozen=True, kw_only=True):
    """The whole collector."""

    plan_version: int
    connections: tuple[ConnectionState, ...]
    problems: tuple[Problem, ...]
    tags: int
    samples: int
    sample_losses: int
    """Samples that the store or the bus did not take."""
    commands_under_way: int
    clock_set_back: int
    clock_ahead_s: float
    history: SamplesState = SamplesState()
