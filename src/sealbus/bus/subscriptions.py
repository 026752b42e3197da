"""Who in this process listens to what, and what did they miss?

Each message says how many its sender has published on the topic before. A hole in that row is what was dropped on the
way: by the publisher, by the hub, by a server that had enough of us. It is counted as lost by all who listen. The row of a
sender that is new to us begins wherever we meet it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.bus.message import Message, check_topic, decode_published
from sealbus.bus.subscription import Subscription
from sealbus.errors import LocalError

if TYPE_CHECKING:
    from sealbus.bus.bus_connection import BusConnection
    from sealbus.bus.state import Counters

__all__ = ["Subscriptions"]

_MOST_TOPICS = 1000
_MOST_SENDERS = 256  # remembered for one topic; past that the one met first is forgotten
_LARGEST_HOLE = 1_000_000  # a row may be forged or long asleep; no single hole says more than this


class Subscriptions:
    """Hands messages to the subscriptions of this process."""

    def __init__(self, connection: BusConnection, counters: Counters) -> None:
        self._connection = connection
        self._counters = counters
        self._subscriptions: dict[str, tuple[Subscription, ...]] = {}
        self._rows: dict[str, dict[int, int]] = {}

    def subscribe(self, topics: tuple[str, ...], depth: int) -> Subscription:
        """Raises LocalError for what is no topic, for none, and for too many."""
        if not topics:
            raise LocalError("a subscription to nothing; name at least one topic")
        for topic in topics:
            check_topic(topic)
        subscription = Subscription(frozenset(topics), depth, self._counters, self._remove)
        if len(self._subscriptions.keys() | subscription.topics) > _MOST_TOPICS:
            raise LocalError(f"more than {_MOST_TOPICS} topics are listened to; subscribe to fewer")
        for topic in subscription.topics:
            others = self._subscriptions.get(topic, ())
            self._subscriptions[topic] = (*others, subscription)
            if not others:
                self._rows[topic] = {}
                self._connection.subscribe(topic)
        return subscription

    def _remove(self, subscription: Subscription) -> None:
        for topic in subscription.topics:
            others = tuple(other for other in self._subscriptions[topic] if other is not subscription)
            if others:
                self._subscriptions[topic] = others
            else:
                del self._subscriptions[topic], self._rows[topic]
                self._connection.unsubscribe(topic)

    def on_message(self, topic: str, frame: bytes) -> None:
        """Put a message before those who listen; count what is none."""
        subscriptions = self._subscriptions.get(topic)
        if subscriptions is None:
            return  # it came while the topic was let go
        published = decode_published(frame)
        if published is None:
            self._counters.malformed += 1
            return
        missed = self._missed(topic, published.sender, published.count)
        message = Message(topic, published.payload)
        for subscription in subscriptions:
            if missed:
                subscription.count_lost(missed)
            subscription.put(message)

    def _missed(self, topic: str, sender: int, count: int) -> int:
        row = self._rows[topic]
        last = row.get(sender)
        if last is None and len(row) >= _MOST_SENDERS:
            del row[next(iter(row))]
        row[sender] = count
        return 0 if last is None else min(max(count - last - 1, 0), _LARGEST_HOLE)

    def close(self) -> None:
        """End every subscription."""
        for subscription in {one for listed in self._subscriptions.values() for one in listed}:
            subscription.close()
