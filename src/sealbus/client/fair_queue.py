"""Who is next? Sources take turns; within one source, first come first served.

A client that sends a thousand requests waits behind its own, not in front of the others. The queue is bounded; what
does not fit is refused at once, so that nobody waits for a place that will not come. Nor can anybody keep the others out
by filling it: when it is full, the source with the longest row gives up its last place to one that waits for less.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.client.transaction import Transaction

__all__ = ["FairQueue"]


class FairQueue:
    """A bounded queue of transactions with one turn per source."""

    __slots__ = ("_limit", "_of_source", "_turns", "length")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.length = 0
        self._turns: deque[deque[Transaction]] = deque()
        self._of_source: dict[object, deque[Transaction]] = {}

    def put(self, transaction: Transaction) -> bool:
        """False when the queue is full."""
        if self.length >= self._limit:
            return False
        waiting = self._of_source.get(transaction.source)
        if waiting is None:
            waiting = self._of_source[transaction.source] = deque()
            self._turns.append(waiting)
        waiting.append(transaction)
        self.length += 1
        return True

    def crowd_out(self, source: object) -> Transaction | None:
        """Take out the last of the longest row if `source` would still wait for less with one more; None if not."""
        longest = max(self._turns, key=len, default=None)
        if longest is None or len(longest) <= len(self._of_source.get(source, ())) + 1:
            return None
        self.length -= 1
        return longest.pop()

    def take(self) -> Transaction:
        """The next one. Only when the queue is not empty."""
        waiting = self._turns.popleft()
        transaction = waiting.popleft()
        self.length -= 1
        if waiting:
            self._turns.append(waiting)
        else:
            del self._of_source[transaction.source]
        return transaction

    def drop(self, source: object) -> list[Transaction]:
        """Take out all that this source still waits for."""
        waiting = self._of_source.pop(source, None)
        if waiting is None:
            return []
        self._turns.remove(waiting)
        self.length -= len(waiting)
        return list(waiting)

    def drop_expired(self, now: float) -> list[Transaction]:
        """Take out all whose time to be sent has passed."""
        return self._drop_all_that(lambda each: each.send_by <= now)

    def drop_unit(self, unit_id: int) -> list[Transaction]:
        """Take out all that are for this unit."""
        return self._drop_all_that(lambda each: each.tail[0] == unit_id)

    def drop_all(self) -> list[Transaction]:
        """Take out everything."""
        everything = [each for waiting in self._turns for each in waiting]
        self._rebuild([])
        return everything

    def earliest(self) -> float:
        """The first `send_by` of all that wait. Only when the queue is not empty."""
        return min(each.send_by for waiting in self._turns for each in waiting)

    def _drop_all_that(self, goes: Callable[[Transaction], bool]) -> list[Transaction]:
        gone: list[Transaction] = []
        kept: list[Transaction] = []
        for waiting in self._turns:
            for each in waiting:
                (gone if goes(each) else kept).append(each)
        if gone:
            self._rebuild(kept)
        return gone

    def _rebuild(self, transactions: list[Transaction]) -> None:
        self.length = 0
        self._turns.clear()
        self._of_source.clear()
        for each in transactions:
            self.put(each)
