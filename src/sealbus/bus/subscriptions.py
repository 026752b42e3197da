"""Which subscriptions of this process receive a message, and how many messages they missed.

Each message carries how many its sender has published on the topic before. A gap in that sequence shows messages that
were dropped on the way: by the publisher, by the hub, or by a server that limits its queues. Every subscription of the
topic counts them as lost. The sequence of a new sender starts at the first message received from it. A message that is not
newer than the last one of its sender was sent again by somebody, and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.bus.frame_seal import Refusal
from sealbus.bus.message import Message, check_topic, decode_published
from sealbus.bus.subscription import Subscription
from sealbus.errors import LocalError

if TYPE_CHECKING:
    from sealbus.bus.bus_connection import BusConnection
    from sealbus.bus.bus_state import Counters
    from sealbus.bus.refusals import Refusals

__all__ = ["Subscriptions"]

_MAX_TOPICS = 1000
_MAX_SENDERS = 256  # per topic; beyond it the oldest is removed
_MAX_GAP = 1_000_000  # a sequence may resume after a long time


class Subscriptions:
    """Distributes messages to the subscriptions of this process."""

    def __init__(self, connection: BusConnection, counters: Counters, refusals: Refusals) -> None:
        self._connection = connection
        self._counters = counters
        self._refusals = refusals
        self._subscriptions: dict[str, tuple[Subscription, ...]] = {}
        self._sequences: dict[str, dict[int, int]] = {}

    def subscribe(self, topics: tuple[str, ...], depth: int) -> Subscription:
        """Raises LocalError for an invalid topic, for none, and for too many."""
        if not topics:
            raise LocalError("a subscription needs at least one topic")
        for topic in topics:
            check_topic(topic)
        subscription = Subscription(frozenset(topics), depth, self._counters, self._remove)
        if len(self._subscriptions.keys() | subscription.topics) > _MAX_TOPICS:
            raise LocalError(f"more than {_MAX_TOPICS} topics are subscribed; subscribe to fewer")
        for topic in subscription.topics:
            others = self._subscriptions.get(topic, ())
            self._subscriptions[topic] = (*others, subscription)
            if not others:
                self._sequences[topic] = {}
                self._connection.subscribe(topic)
        return subscription

    def _remove(self, subscription: Subscription) -> None:
        for topic in subscription.topics:
            others = tuple(other for other in self._subscriptions[topic] if other is not subscription)
            if others:
                self._subscriptions[topic] = others
            else:
                del self._subscriptions[topic], self._sequences[topic]
                self._connection.unsubscribe(topic)

    def on_message(self, topic: str, frame: bytes) -> None:
        """Queue a message for the subscriptions of its topic; count it if it is malformed."""
        subscriptions = self._subscriptions.get(topic)
        if subscriptions is None:
            return  # it arrived while the topic was unsubscribed
        published = decode_published(frame)
        if published is None:
            self._counters.malformed += 1
            return
        missed = self._missed(topic, published.sender, published.count)
        if missed < 0:
            self._refusals.note(Refusal.REPEATED, topic)
            return
        message = Message(topic, published.payload)
        for subscription in subscriptions:
            if missed:
                subscription.count_lost(missed)
            subscription.put(message)

    def _missed(self, topic: str, sender: int, count: int) -> int:
        """How many messages are missing before this one; -1 for one that is not new."""
        sequence = self._sequences[topic]
        last = sequence.get(sender)
        if last is not None and count <= last:
            return -1
        if last is None and len(sequence) >= _MAX_SENDERS:
            del sequence[next(iter(sequence))]
        sequence[sender] = count
        return 0 if last is None else min(count - last - 1, _MAX_GAP)

    def close(self) -> None:
        """End every subscription."""
        for subscription in {one for listed in self._subscriptions.values() for one in listed}:
            subscription.close()
