"""Who is next? Clients take turns; so do the connections of one client; within one connection, first come first served.

A client that sends a thousand requests, over one connection or over thirty, waits behind its own, not in front of the
others. The queue is bounded; what does not fit is refused at once, so that nobody waits for a place that will not come.
Nor can anybody keep the others out by filling it: when it is full, whoever has most in it gives up his last place to one
who waits for less.

What is urgent goes ahead of all of this, first come first served, and takes the place of something that is not when the
queue is full. Only who asks on his own behalf may call something urgent: nothing that comes from a client of a gateway is.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealbus.client.transaction import Transaction

__all__ = ["FairQueue"]


class FairQueue:
    """A bounded queue of transactions with one turn per client."""

    __slots__ = ("_limit", "_of_client", "_turns", "_urgent", "length")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.length = 0
        self._urgent: deque[Transaction] = deque()
        self._turns: deque[_Client] = deque()
        self._of_client: dict[object, _Client] = {}

    def put(self, transaction: Transaction) -> bool:
        """False when the queue is full."""
        if self.length >= self._limit:
            return False
        if transaction.is_urgent:
            self._urgent.append(transaction)
            self.length += 1
            return True
        name = transaction.client
        client = self._of_client.get(name)
        if client is None:
            client = self._of_client[name] = _Client(name)
            self._turns.append(client)
        client.put(transaction)
        self.length += 1
        return True

    def put_evicting(self, transaction: Transaction) -> Transaction:
        """Put it into a full queue, in the place of another if it may. The one that has no place now, which may be this."""
        evicted = self.evict_for(transaction)
        if evicted is None:
            return transaction
        self.put(transaction)
        return evicted

    def evict_for(self, transaction: Transaction) -> Transaction | None:
        """Take out the last of whoever has most, if this one would still wait behind less; None if it would not."""
        own = self._of_client.get(transaction.client)
        longest = max(self._turns, key=_length, default=None)
        evicted = None
        if longest is not None and (transaction.is_urgent or longest.length > (own.length if own else 0) + 1):
            evicted = longest.give_up()
            if not longest.length:
                self._turns.remove(longest)
                del self._of_client[longest.name]
        elif own is not None:
            evicted = own.give_up_for(transaction.source)
        if evicted is not None:
            self.length -= 1
        return evicted

    def take(self) -> Transaction:
        """The next one. Only when the queue is not empty."""
        if self._urgent:
            self.length -= 1
            return self._urgent.popleft()
        client = self._turns.popleft()
        transaction = client.take()
        self.length -= 1
        if client.length:
            self._turns.append(client)
        else:
            del self._of_client[client.name]
        return transaction

    def drop(self, source: object) -> list[Transaction]:
        """Take out all that this source still waits for."""
        return self._drop_all_that(lambda each: each.source is source) if self.length else []

    def drop_expired(self, now: float) -> list[Transaction]:
        """Take out all whose time to be sent has passed."""
        return self._drop_all_that(lambda each: each.send_by <= now)

    def drop_unit(self, unit_id: int) -> list[Transaction]:
        """Take out all that are for this unit."""
        return self._drop_all_that(lambda each: each.request.tail[0] == unit_id)

    def drop_all(self) -> list[Transaction]:
        """Take out everything."""
        everything = list(self._all())
        self._rebuild([])
        return everything

    def earliest(self) -> float:
        """The first `send_by` of all that wait. Only when the queue is not empty."""
        return min(each.send_by for each in self._all())

    def _drop_all_that(self, goes: Callable[[Transaction], bool]) -> list[Transaction]:
        gone: list[Transaction] = []
        kept: list[Transaction] = []
        for each in self._all():
            (gone if goes(each) else kept).append(each)
        if gone:
            self._rebuild(kept)
        return gone

    def _rebuild(self, transactions: list[Transaction]) -> None:
        self.length = 0
        self._urgent.clear()
        self._turns.clear()
        self._of_client.clear()
        for each in transactions:
            self.put(each)

    def _all(self) -> Iterator[Transaction]:
        yield from self._urgent
        for client in self._turns:
            yield from client.all()


class _Client:
    """What one client waits for: a row for each of its connections, which take turns too."""

    __slots__ = ("_rows", "_turns", "length", "name")

    def __init__(self, name: object) -> None:
        self.name = name
        self.length = 0
        # Lists, although something is taken from their front: most have one or two members, and none many.
        self._turns: list[list[Transaction]] = []
        self._rows: dict[object, list[Transaction]] = {}

    def put(self, transaction: Transaction) -> None:
        row = self._rows.get(transaction.source)
        if row is None:
            row = self._rows[transaction.source] = [transaction]
            self._turns.append(row)
        else:
            row.append(transaction)
        self.length += 1

    def take(self) -> Transaction:
        row = self._turns.pop(0)
        transaction = row.pop(0)
        self.length -= 1
        if row:
            self._turns.append(row)
        else:
            del self._rows[transaction.source]
        return transaction

    def give_up(self) -> Transaction:
        """Take out the last of its longest row."""
        row = max(self._turns, key=len)
        transaction = row.pop()
        self.length -= 1
        if not row:
            self._turns.remove(row)
            del self._rows[transaction.source]
        return transaction

    def give_up_for(self, source: object) -> Transaction | None:
        """The same, if this source would still wait for less with one more."""
        if len(max(self._turns, key=len)) <= len(self._rows.get(source, ())) + 1:
            return None
        return self.give_up()

    def all(self) -> Iterator[Transaction]:
        for row in self._turns:
            yield from row


def _length(client: _Client) -> int:
    return client.length
