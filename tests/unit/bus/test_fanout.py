"""Who hears what in one process, and how holes are counted."""

from __future__ import annotations

import asyncio

import pytest

from sealbus.bus.fanout import Fanout
from sealbus.bus.message import encode_published
from sealbus.bus.state import Connectivity, Counters
from sealbus.errors import LocalError


class _Link:
    """Writes down what it is told to listen to."""

    def __init__(self) -> None:
        self.connectivity = Connectivity(Counters())
        self.told: list[str] = []

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def publish(self, topic: str, frame: bytes) -> bool:
        return False

    def listen(self, topic: str) -> None:
        self.told.append(f"+{topic}")

    def unlisten(self, topic: str) -> None:
        self.told.append(f"-{topic}")

    def offer(self, topic: str) -> None: ...

    def ask(self, topic: str, frame: bytes) -> bool:
        return False

    def answer(self, sender: int, frame: bytes) -> bool:
        return False


def _fanout() -> tuple[Fanout, _Link, Counters]:
    link, counters = _Link(), Counters()
    return Fanout(link, counters), link, counters


async def test_the_link_hears_of_a_topic_with_its_first_and_last_reader() -> None:
    fanout, link, _ = _fanout()
    one, two = fanout.subscribe(("live", "plan"), 5), fanout.subscribe(("live",), 5)
    assert sorted(link.told) == ["+live", "+plan"]
    one.close()
    one.close()
    assert link.told[2:] == ["-plan"]
    two.close()
    assert link.told[3:] == ["-live"]
    fanout.heard("live", encode_published(1, 1, b"late"))
    assert len(one) == len(two) == 0


async def test_a_hole_in_the_row_of_a_sender_is_lost_for_all_who_listen() -> None:
    fanout, _, counters = _fanout()
    one, two = fanout.subscribe(("live",), 100), fanout.subscribe(("live",), 100)
    for sender, count in ((1, 500), (1, 501), (2, 7), (1, 505), (2, 8), (1, 506)):
        fanout.heard("live", encode_published(sender, count, b""))
    assert one.lost == two.lost == 3
    assert counters.lost == 6
    assert len(one) == 6


@pytest.mark.parametrize(("second", "lost"), [(1, 0), (5, 0), (2**64 - 1, 1_000_000)])
async def test_a_row_that_is_forged_says_no_more_than_a_bound_and_stops_nothing(second: int, lost: int) -> None:
    fanout, _, _ = _fanout()
    subscription = fanout.subscribe(("live",), 5)
    fanout.heard("live", encode_published(1, 5, b""))
    fanout.heard("live", encode_published(1, second, b"x"))
    assert subscription.lost == lost
    assert len(subscription) == 2


async def test_what_is_remembered_of_senders_is_bounded() -> None:
    fanout, _, _ = _fanout()
    subscription = fanout.subscribe(("live",), 1)
    for sender in range(5000):
        fanout.heard("live", encode_published(sender, 1, b""))
    assert len(fanout._rows["live"]) == 256
    assert subscription.lost == 4999


async def test_a_subscription_to_nothing_or_of_no_depth_or_to_too_much_is_refused() -> None:
    fanout, link, _ = _fanout()
    with pytest.raises(LocalError, match="at least one topic"):
        fanout.subscribe((), 1)
    for depth in (0, -1, 100_001):
        with pytest.raises(LocalError, match="holds 1 to"):
            fanout.subscribe(("live",), depth)
    with pytest.raises(LocalError, match="more than 1000 topics"):
        fanout.subscribe(tuple(f"topic{number}" for number in range(1001)), 1)
    assert link.told == []


async def test_two_tasks_cannot_read_one_subscription() -> None:
    fanout, _, _ = _fanout()
    subscription = fanout.subscribe(("live",), 5)
    first = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    with pytest.raises(LocalError, match="two tasks"):
        await anext(subscription)
    fanout.heard("live", encode_published(1, 1, b"x"))
    assert (await first).payload == b"x"


async def test_a_reader_that_was_cancelled_can_read_on() -> None:
    fanout, _, _ = _fanout()
    subscription = fanout.subscribe(("live",), 5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await anext(subscription)
    fanout.heard("live", encode_published(1, 1, b"x"))
    assert (await anext(subscription)).payload == b"x"
