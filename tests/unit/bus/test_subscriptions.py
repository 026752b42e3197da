"""Which subscription gets a message, and how losses are counted."""

from __future__ import annotations

import asyncio

import pytest

from sealbus.bus.bus_state import Connectivity, Counters
from sealbus.bus.message import encode_published
from sealbus.bus.refusals import Refusals
from sealbus.bus.subscriptions import Subscriptions
from sealbus.errors import LocalError


class _FakeConnection:
    """Records subscriptions."""

    def __init__(self) -> None:
        self.connectivity = Connectivity(Counters())
        self.calls: list[str] = []

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def publish(self, topic: str, frame: bytes) -> bool:
        return False

    def subscribe(self, topic: str) -> None:
        self.calls.append(f"+{topic}")

    def unsubscribe(self, topic: str) -> None:
        self.calls.append(f"-{topic}")

    def serve(self, topic: str) -> None: ...

    def send_request(self, topic: str, frame: bytes) -> bool:
        return False

    def send_reply(self, sender: int, frame: bytes) -> bool:
        return False


def _subscriptions() -> tuple[Subscriptions, _FakeConnection, Counters]:
    connection, counters = _FakeConnection(), Counters()
    return Subscriptions(connection, counters, Refusals()), connection, counters


async def test_a_topic_is_subscribed_with_its_first_reader_and_unsubscribed_with_its_last() -> None:
    subscriptions, connection, _ = _subscriptions()
    one, two = subscriptions.subscribe(("live", "plan"), 5), subscriptions.subscribe(("live",), 5)
    assert sorted(connection.calls) == ["+live", "+plan"]
    one.close()
    one.close()
    assert connection.calls[2:] == ["-plan"]
    two.close()
    assert connection.calls[3:] == ["-live"]
    subscriptions.on_message("live", encode_published(1, 1, b"late"))
    assert len(one) == len(two) == 0


async def test_a_gap_in_the_sequence_of_a_sender_counts_as_lost_for_every_subscription() -> None:
    subscriptions, _, counters = _subscriptions()
    one, two = subscriptions.subscribe(("live",), 100), subscriptions.subscribe(("live",), 100)
    for sender, count in ((1, 500), (1, 501), (2, 7), (1, 505), (2, 8), (1, 506)):
        subscriptions.on_message("live", encode_published(sender, count, b""))
    assert one.lost == two.lost == 3
    assert counters.lost == 6
    assert len(one) == 6


async def test_a_long_gap_counts_no_more_than_a_bound() -> None:
    subscriptions, _, _ = _subscriptions()
    subscription = subscriptions.subscribe(("live",), 5)
    subscriptions.on_message("live", encode_published(1, 5, b""))
    subscriptions.on_message("live", encode_published(1, 2**64 - 1, b"x"))
    assert subscription.lost == 1_000_000
    assert len(subscription) == 2


async def test_a_message_that_is_sent_again_is_refused_and_the_next_new_one_received() -> None:
    connection, counters, refusals = _FakeConnection(), Counters(), Refusals()
    subscriptions = Subscriptions(connection, counters, refusals)
    subscription = subscriptions.subscribe(("live", "plan"), 10)
    for topic, sender, count in (
        ("live", 1, 5), ("live", 1, 5), ("live", 1, 4), ("live", 2, 5), ("plan", 1, 5), ("live", 1, 6), ("live", 1, 5),
    ):  # fmt: skip
        subscriptions.on_message(topic, encode_published(sender, count, b"%d" % count))
    assert [(await anext(subscription)).payload for _ in range(len(subscription))] == [b"5", b"5", b"5", b"6"]
    assert refusals.count == 3
    assert subscription.lost == 0


async def test_the_number_of_known_senders_is_bounded() -> None:
    subscriptions, _, _ = _subscriptions()
    subscription = subscriptions.subscribe(("live",), 1)
    for sender in range(5000):
        subscriptions.on_message("live", encode_published(sender, 1, b""))
    assert len(subscriptions._sequences["live"]) == 256
    assert subscription.lost == 4999


async def test_a_subscription_without_topic_or_depth_or_to_too_many_topics_is_refused() -> None:
    subscriptions, connection, _ = _subscriptions()
    with pytest.raises(LocalError, match="at least one topic"):
        subscriptions.subscribe((), 1)
    for depth in (0, -1, 100_001):
        with pytest.raises(LocalError, match="holds 1 to"):
            subscriptions.subscribe(("live",), depth)
    with pytest.raises(LocalError, match="more than 1000 topics"):
        subscriptions.subscribe(tuple(f"topic{number}" for number in range(1001)), 1)
    assert connection.calls == []


async def test_two_tasks_cannot_read_one_subscription() -> None:
    subscriptions, _, _ = _subscriptions()
    subscription = subscriptions.subscribe(("live",), 5)
    first = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    with pytest.raises(LocalError, match="two tasks"):
        await anext(subscription)
    subscriptions.on_message("live", encode_published(1, 1, b"x"))
    assert (await first).payload == b"x"


async def test_a_cancelled_reader_can_continue() -> None:
    subscriptions, _, _ = _subscriptions()
    subscription = subscriptions.subscribe(("live",), 5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await anext(subscription)
    subscriptions.on_message("live", encode_published(1, 1, b"x"))
    assert (await anext(subscription)).payload == b"x"
