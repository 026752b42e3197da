"""A circuit breaker: requests that a device leaves unanswered are sent more and more rarely, at the cost of their client.

Each request without an answer costs all clients of the line a time-out. What is held back after three of them in a row is
as little as explains them:

* the question (this client, this unit, these bytes): some devices ignore functions and addresses that they do not know;
* the client at this unit, when it had no answer in between: its other questions would fail as well;
* at a unit that answers nobody, each client that had a time-out there, together: it is probably switched off.

So a unit that answers anybody is not held back from those whom it answers, and a client that had no time-out there is
always let through. What is held back is sent once in a while as a probe; an answer ends it, a time-out doubles the wait.
Time-outs of a question that is held back count for nothing else. When a unit answers again after it answered nobody, all
its clients may ask again at once. Pure: `now` is an argument, jitter comes with the constructor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.client.transaction import Transaction

__all__ = ["UnitBreaker"]

_Key = TypeVar("_Key")
_AnyHold = TypeVar("_AnyHold", bound="_Hold")
_TRIPS_AFTER = 3
_FIRST_WAIT_S = 1.0
_MAX_WAIT_S = 30.0
_MAX_UNIT_WAIT_S = _MAX_WAIT_S / 4
"""Shorter than that of a client: else the client that has just had the probe would be first at the next one too."""
_MAX_HOLDS = 256
"""Of clients, and of questions, for each unit; the oldest is dropped. A client can choose its questions."""
_KEPT_S = 120.0
"""How long after its last time-out a unit is kept in mind. Longer than any wait."""


@dataclass(slots=True)
class _Hold:
    failures: int = 0
    is_probing: bool = False
    wait_s: float = 0.0
    next_probe: float = 0.0

    @property
    def is_tripped(self) -> bool:
        return self.failures >= _TRIPS_AFTER

    def probe(self, now: float) -> None:
        """A probe is sent; if it is never reported, another one follows."""
        self.next_probe = now + (self.wait_s or _FIRST_WAIT_S)
        self.is_probing = True

    def silent(self, now: float, *, counts: bool, max_wait_s: float, jitter: float) -> bool:
        """A request timed out. True when this trips it."""
        self.failures += counts
        trips = counts and self.failures == _TRIPS_AFTER
        if trips or self.is_probing:  # not for one that was on the wire when it tripped
            self.wait_s = min(self.wait_s * 2, max_wait_s) if self.wait_s else _FIRST_WAIT_S
            self.next_probe = now + self.wait_s * (0.75 + 0.5 * jitter)
        self.is_probing = False
        return trips


@dataclass(slots=True)
class _Question(_Hold):
    answers: int | None = None
    """What the unit had answered when this question timed out last."""
    is_ignored: bool = False


@dataclass(slots=True)
class _Suspect:
    """A unit that left a request unanswered."""

    silent_at: float
    answers: int = 0
    """Of other questions, since then."""
    unit: _Hold = field(default_factory=_Hold)
    clients: dict[object, _Hold] = field(default_factory=dict)
    questions: dict[tuple[object, bytes], _Question] = field(default_factory=dict)


class UnitBreaker:
    """Counts the time-outs of each unit, by client and question. `jitter` returns a number in [0, 1)."""

    __slots__ = ("_jitter", "suspects")

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self.suspects: dict[int, _Suspect] = {}
        """Units with requests that were not answered: empty on a normal day, so that most requests cost one check."""

    def allows(self, transaction: Transaction, now: float) -> bool:
        """Whether it may be sent now. Where something is held back, True means that it is the probe."""
        suspect = self.suspects.get(transaction.request.unit_id)
        if suspect is None:
            return True
        client = transaction.payer
        question = suspect.questions.get((client, _question(transaction)))
        probes: list[_Hold] = [question] if question is not None and question.is_tripped else []
        own = suspect.clients.get(client)
        if own is not None and (own.is_tripped or suspect.unit.is_tripped):
            probes += [own, suspect.unit] if suspect.unit.is_tripped else [own]
        if any(now < hold.next_probe for hold in probes):
            return False
        for hold in probes:
            hold.probe(now)
        return True

    def answered(self, transaction: Transaction, now: float) -> None:
        """The unit answered; an exception is an answer."""
        unit_id = transaction.request.unit_id
        suspect = self.suspects.get(unit_id)
        if suspect is not None:
            client = transaction.payer
            suspect.answers += 1
            suspect.questions.pop((client, _question(transaction)), None)
            suspect.clients.pop(client, None)
            if suspect.unit.is_tripped:
                suspect.clients.clear()
                for hold in suspect.questions.values():
                    hold.next_probe = now
            suspect.unit = _Hold()
            if not (suspect.clients or suspect.questions) or now - suspect.silent_at > _KEPT_S:
                del self.suspects[unit_id]

    def silent(self, transaction: Transaction, now: float) -> bool:
        """It timed out. True when by this the unit has answered nobody three times in a row."""
        suspect = self.suspects.setdefault(transaction.request.unit_id, _Suspect(now))
        suspect.silent_at = now
        client = transaction.payer
        question = _hold_of((client, _question(transaction)), suspect.questions, _Question)
        question.is_ignored = question.answers is not None and suspect.answers > question.answers
        question.answers = suspect.answers
        own = _hold_of(client, suspect.clients, _Hold)
        counts = not question.is_tripped
        question.silent(now, counts=True, max_wait_s=_MAX_WAIT_S, jitter=self._jitter())
        own.silent(now, counts=counts, max_wait_s=_MAX_WAIT_S, jitter=self._jitter())
        trips = suspect.unit.silent(now, counts=counts, max_wait_s=_MAX_UNIT_WAIT_S, jitter=self._jitter())
        # Drop units that nobody has asked for a while: one entry makes each request of the channel a little slower.
        for unit_id in [each for each, one in self.suspects.items() if now - one.silent_at > _KEPT_S]:
            del self.suspects[unit_id]
        return trips

    def is_ignored(self, transaction: Transaction) -> bool:
        """Whether the unit has answered others between the last two time-outs of this question.

        Then the connection is not the reason for the last one.
        """
        suspect = self.suspects.get(transaction.request.unit_id)
        question = suspect and suspect.questions.get((transaction.payer, _question(transaction)))
        return bool(question and question.is_ignored)

    def tripped(self) -> list[int]:
        """The unit ids that answer nobody now, in order."""
        suspects = list(self.suspects.items())  # copied in one step: the thread that serves the metrics reads it too
        return sorted(unit_id for unit_id, suspect in suspects if suspect.unit.is_tripped)


def _question(transaction: Transaction) -> bytes:
    """What is asked: the PDU of a read; function and address of a write, because its values may differ each time."""
    request = transaction.request
    return request.unit_and_pdu[1:4] if request.may_change_state else request.unit_and_pdu[1:]


def _hold_of(key: _Key, holds: dict[_Key, _AnyHold], kind: type[_AnyHold]) -> _AnyHold:
    hold = holds.get(key)
    if hold is None:
        while len(holds) >= _MAX_HOLDS:
            del holds[next(iter(holds))]
        hold = holds[key] = kind()
    return hold
