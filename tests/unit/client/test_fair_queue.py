"""Sources take turns, and a full queue is taken from whoever has most in it."""

from __future__ import annotations

from sealbus.client.fair_queue import FairQueue
from sealbus.client.transaction import Transaction
from sealbus.protocol import answer_shape

READ = bytes.fromhex("03 0000 0001")


def ask(source: str) -> Transaction:
    return Transaction(source, b"\1" + READ, answer_shape(READ), False, 0.0)


def queue_of(limit: int, *sources: str) -> FairQueue:
    queue = FairQueue(limit)
    for source in sources:
        assert queue.put(ask(source))
    return queue


def order(queue: FairQueue) -> list[object]:
    return [queue.take().source for _ in range(queue.length)]


def test_sources_take_turns() -> None:
    assert order(queue_of(9, "a", "a", "a", "b", "b", "c")) == ["a", "b", "c", "a", "b", "a"]


def test_a_full_queue_takes_no_more() -> None:
    queue = queue_of(3, "a", "a", "a")
    assert not queue.put(ask("a"))
    assert queue.length == 3


def test_a_source_with_little_waiting_takes_the_last_place_of_the_one_with_most() -> None:
    queue = queue_of(5, "a", "a", "a", "b", "b")
    crowded_out = queue.crowd_out("c")
    assert crowded_out is not None
    assert crowded_out.source == "a"
    assert queue.put(ask("c"))
    assert order(queue) == ["a", "b", "c", "a", "b"]


def test_nobody_is_crowded_out_for_one_who_would_have_as_much() -> None:
    queue = queue_of(4, "a", "a", "b", "b")
    assert queue.crowd_out("a") is None
    assert queue.crowd_out("b") is None
    assert queue_of(2, "a", "b").crowd_out("c") is None
    assert FairQueue(1).crowd_out("a") is None
