"""The intervals and deadlines of the live side. The defaults are those of production; tests pass shorter ones."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LiveLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLimits:
    """Seconds, all of them."""

    silence_s: float = 5.0
    """The collector publishes every second; after this long without a message it counts as silent."""
    tick_s: float = 0.5
    """Between two checks of the state of bus and collector."""
    snapshot_every_s: float = 2.0
    """At least this long between two snapshots."""
    snapshot_again_s: float = 60.0
    """A snapshot without a reason, to correct a value that is wrong here for any cause."""
    history_every_s: float = 2.0
    collector_answer_s: float = 2.0
    """How long `/collector` waits for the collector's report."""
    slow_s: float = 10.0
    """How long one message to a client that does not read may take; then the client is disconnected."""
    rights_every_s: float = 0.5
    """Between two reads of the versions of rights and plan."""
    accounts_every_s: float = 1.0
    """Between two checks of the sessions, tokens and accounts of the open sockets."""
