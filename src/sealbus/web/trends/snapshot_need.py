"""Is a snapshot of the collector's values needed? It compares two numbers: the generation that is wanted, and the one that
the last snapshot satisfied.

Each reason for a snapshot raises the wanted generation: the start, a new plan, a gap in the live messages, a first message
after silence, a minute without a snapshot. A snapshot satisfies the generation that was wanted when it was requested, not
reasons that came while it was on its way.

A snapshot that was requested before any live message arrived on this subscription is used, but does not count: messages
between the snapshot and the first one received would be lost. So it is requested again after the first message.
"""

from __future__ import annotations

__all__ = ["SnapshotNeed"]

_UNCOUNTED = 0


class SnapshotNeed:
    """`is_due` until a snapshot has satisfied the wanted generation."""

    __slots__ = ("_gaps", "_receives", "_taken", "_wanted")

    def __init__(self) -> None:
        self._wanted = 1
        self._taken = _UNCOUNTED
        self._receives = False
        self._gaps = 0

    @property
    def is_due(self) -> bool:
        """Whether a snapshot should be requested."""
        return self._taken != self._wanted

    def want(self) -> None:
        """There is a new reason for a snapshot."""
        self._wanted += 1

    def on_message(self) -> None:
        """A live message was received: nothing published from now on is lost without a gap."""
        self._receives = True

    def on_gaps(self, gaps: int) -> None:
        """The number of gaps so far (lost messages and new connections); a new one is a reason."""
        if gaps != self._gaps:
            self._gaps, self._receives = gaps, False
            self.want()

    def begin(self) -> int:
        """A snapshot is requested now. Pass the result to `finish`."""
        return self._wanted if self._receives else _UNCOUNTED

    def finish(self, generation: int) -> None:
        """The snapshot that began with this generation was taken."""
        if generation != _UNCOUNTED:
            self._taken = generation
