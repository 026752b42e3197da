"""A bounded queue with fair turns: between clients, then between the connections of one client, then first in, first out.

A client that sends a thousand requests, over one connection or over thirty, waits behind its own requests, not in front
of those of others. A request that does not fit is refused at once. Nor can one client fill the queue and keep the others
out: when it is full, the client with the most queued requests loses its last one to a client with fewer.

Urgent requests go first, in their order, and evict one that is not urgent when the queue is full. Only the collector may
mark a request urgent: no request of a gateway's client is.
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
        """Queue it. False when the queue is full."""
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
        """Queue it in a full queue. Returns the transaction that has no place now, which may be this one."""
        evicted = self.evict_for(transaction)
        if evicted is None:
            return transaction
        self.put(transaction)
        return evicted

    def evict_for(self, transaction: Transaction) -> Transaction | None:
        """Remove and return the transaction to evict in favour of this one; None when this one must be refused.

        1. This one is urgent, or its client would still have fewer than the client with the most: the last one of that
           client.
        2. Else, the connection of this one would still have fewer than another one of its own client: the last one of that
           connection.
        3. Else None.
        """
        own = self._of_client.get(transaction.client)
        longest = max(self._turns, key=_length, default=None)
        evicted = None
        if longest is not None and (transaction.is_urgent or longest.length > (own.length if own else 0) + 1):
            evicted = longest.evict_last()
            if not longest.length:
                self._turns.remove(longest)
                del self._of_client[longest.name]
        elif own is not None:
            evicted = own.evict_last_for(transaction.source)
        if evicted is not None:
            self.length -= 1
        return evicted

    def take(self) -> Transaction:
        """Remove and return the next one. Only when the queue is not empty."""
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

    def drop(self, source: object, *, only_writes: bool = False) -> list[Transaction]:
        """Remove and return all of this source, or only those that may change state."""
        if not self.length:
            return []
        return self._drop_all_that(
            lambda each: each.source is source and (each.request.may_change_state or not only_writes)
        )

    def drop_expired(self, now: float) -> list[Transaction]:
        """Remove and return all whose `send_by` has passed."""
        return self._drop_all_that(lambda each: each.send_by <= now)

    def drop_of_unit(self, unit_id: int, is_dropped: Callable[[Transaction], bool]) -> list[Transaction]:
        """Remove and return all for this unit of which `is_dropped` is true, asked in the order of their turns."""
        return self._drop_all_that(lambda each: each.request.unit_id == unit_id and is_dropped(each))

    def drop_all(self) -> list[Transaction]:
        """Remove and return everything."""
        everything = list(self._all())
        self._rebuild([])
        return everything

    def earliest(self) -> float:
        """The first `send_by` in the queue. Only when it is not empty."""
        return min(each.send_by for each in self._all())

    def _drop_all_that(self, is_dropped: Callable[[Transaction], bool]) -> list[Transaction]:
        gone: list[Transaction] = []
        kept: list[Transaction] = []
        for each in self._all():
            (gone if is_dropped(each) else kept).append(each)
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
    """The queued transactions of one client: a row for each of its connections, which take turns."""

    __slots__ = ("_rows", "_turns", "length", "name")

    def __init__(self, name: object) -> None:
        self.name = name
        self.length = 0
        # Lists, although items are taken from the front: most have one or two items.
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

    def evict_last(self) -> Transaction:
        """Remove and return the last of its longest row."""
        row = max(self._turns, key=len)
        transaction = row.pop()
        self.length -= 1
        if not row:
            self._turns.remove(row)
            del self._rows[transaction.source]
        return transaction

    def evict_last_for(self, source: object) -> Transaction | None:
        """The same, if `source`, with one more queued, still has fewer than the longest row; else None."""
        if len(max(self._turns, key=len)) <= len(self._rows.get(source, ())) + 1:
            return None
        return self.evict_last()

    def all(self) -> Iterator[Transaction]:
        for row in self._turns:
            yield from row


def _length(client: _Client) -> int:
    return client.length
