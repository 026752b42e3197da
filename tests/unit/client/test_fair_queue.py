"""Clients take turns, then their connections, and a full queue evicts a request of the client with the most."""

from __future__ import annotations

from sealbus.client.fair_queue import FairQueue
from sealbus.client.transaction import Transaction
from sealbus.protocol import WireRequest

READ = bytes.fromhex("03 0000 0001")


class RecordedTransaction(Transaction):
    """From a connection whose first letter names its client: a1 and a2 are two connections of a."""

    def __init__(self, source: str) -> None:
        super().__init__(source, WireRequest(b"\1" + READ), 0.0)
        self.client = source[0]


def ask(source: str) -> Transaction:
    return RecordedTransaction(source)


def queue_of(limit: int, *sources: str) -> FairQueue:
    queue = FairQueue(limit)
    for source in sources:
        assert queue.put(ask(source))
    return queue


def order(queue: FairQueue) -> list[object]:
    return [queue.take().source for _ in range(queue.length)]


def test_sources_take_turns() -> None:
    assert order(queue_of(9, "a", "a", "a", "b", "b", "c")) == ["a", "b", "c", "a", "b", "a"]


def test_a_full_queue_refuses_requests() -> None:
    queue = queue_of(3, "a", "a", "a")
    assert not queue.put(ask("a"))
    assert queue.length == 3


def test_a_source_with_few_requests_takes_the_last_place_of_the_source_with_most() -> None:
    queue = queue_of(5, "a", "a", "a", "b", "b")
    newcomer = ask("c")
    evicted = queue.evict_for(newcomer)
    assert evicted is not None
    assert evicted.source == "a"
    assert queue.put(newcomer)
    assert order(queue) == ["a", "b", "c", "a", "b"]


def test_a_client_with_as_many_requests_evicts_nothing() -> None:
    queue = queue_of(4, "a", "a", "b", "b")
    assert queue.evict_for(ask("a")) is None
    assert queue.evict_for(ask("b")) is None
    assert queue_of(2, "a", "b").evict_for(ask("c")) is None
    assert FairQueue(1).evict_for(ask("a")) is None


def test_many_connections_of_one_client_have_one_turn_between_them() -> None:
    queue = queue_of(9, "a1", "a2", "a3", "a1", "b1", "b1", "c1")
    assert order(queue) == ["a1", "b1", "c1", "a2", "b1", "a3", "a1"]


def test_many_connections_of_one_client_are_evicted_as_one() -> None:
    queue = queue_of(4, "a1", "a2", "a3", "a4")
    for expected in ("a1", "a2"):
        newcomer = ask("b1")
        evicted = queue.evict_for(newcomer)
        assert evicted is not None
        assert evicted.source == expected
        assert queue.put(newcomer)
    assert queue.evict_for(ask("b1")) is None
    assert order(queue) == ["a3", "b1", "a4", "b1"]


def test_within_a_client_the_connection_with_most_requests_loses_one() -> None:
    queue = queue_of(4, "a1", "a1", "a1", "a2")
    newcomer = ask("a3")
    evicted = queue.evict_for(newcomer)
    assert evicted is not None
    assert evicted.source == "a1"
    assert queue.put(newcomer)
    assert queue.evict_for(ask("a2")) is None
    assert order(queue) == ["a1", "a2", "a3", "a1"]


def test_dropping_a_connection_drops_its_requests_and_no_others() -> None:
    queue = queue_of(9, "a1", "a2", "a1", "b1")
    assert [each.source for each in queue.drop("a1")] == ["a1", "a1"]
    assert queue.drop("c1") == []
    assert (queue.length, order(queue)) == (2, ["a2", "b1"])
    assert queue.drop("a2") == []


class Urgent(RecordedTransaction):
    is_urgent = True


def urgent(source: str) -> Transaction:
    return Urgent(source)


def test_urgent_requests_are_sent_before_all_others_in_their_order() -> None:
    queue = queue_of(9, "a", "a", "b")
    assert queue.put(urgent("u1"))
    assert queue.put(urgent("u2"))
    assert queue.put(ask("c"))
    assert order(queue) == ["u1", "u2", "a", "b", "c", "a"]
    assert queue.length == 0


def test_an_urgent_request_evicts_one_that_is_not_urgent_however_few_its_source_has() -> None:
    queue = queue_of(2, "a", "b")
    newcomer = urgent("a")
    evicted = queue.evict_for(newcomer)
    assert evicted is not None
    assert evicted.source == "a"
    assert queue.put(newcomer)
    assert order(queue) == ["a", "b"]
    assert queue_of(1, "a").put(ask("a")) is False


def test_a_queue_full_of_urgent_requests_refuses_more_of_them() -> None:
    queue = FairQueue(2)
    assert queue.put(urgent("u"))
    assert queue.put(urgent("u"))
    assert not queue.put(urgent("v"))
    assert queue.evict_for(urgent("v")) is None
    assert queue.evict_for(ask("a")) is None
    assert queue.length == 2


def test_urgent_requests_are_dropped_like_all_others() -> None:
    queue = queue_of(9, "a")
    queue.put(urgent("u"))
    queue.put(urgent("v"))
    assert [each.source for each in queue.drop("u")] == ["u"]
    assert [each.source for each in queue.drop_of_unit(1, lambda each: True)] == ["v", "a"]
    assert queue.length == 0
