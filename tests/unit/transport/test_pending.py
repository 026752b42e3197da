"""The table of pending connections, and which one is dropped for a new one."""

from __future__ import annotations

from sealbus.transport.pending import PendingTable


def test_over_the_bound_of_an_address_its_oldest_is_dropped() -> None:
    table: PendingTable[str] = PendingTable(per_address=2, in_all=10)
    assert table.add("other", "10.0.0.9") is None
    assert table.add("first", "10.0.0.1") is None
    assert table.add("second", "10.0.0.1") is None
    assert table.add("third", "10.0.0.1") == "first"
    assert table.add("fourth", "10.0.0.1") == "second"
    assert len(table) == 3


def test_over_the_bound_of_all_the_oldest_of_all_is_dropped() -> None:
    table: PendingTable[str] = PendingTable(per_address=2, in_all=3)
    assert [table.add(name, name) for name in ("a", "b", "c", "d", "e")] == [None, None, None, "a", "b"]
    assert len(table) == 3


def test_over_the_bound_of_all_the_oldest_of_the_address_with_most_is_dropped() -> None:
    table: PendingTable[str] = PendingTable(per_address=9, in_all=3)
    for name, host in (("honest", "10.0.0.9"), ("first", "10.0.0.1"), ("second", "10.0.0.1")):
        assert table.add(name, host) is None
    assert table.add("newcomer", "10.0.0.8") == "first"
    assert table.add("third", "10.0.0.1") == "second"


def test_a_discarded_connection_is_not_dropped_again_and_leaves_no_trace() -> None:
    table: PendingTable[str] = PendingTable(per_address=1, in_all=2)
    table.add("first", "10.0.0.1")
    assert table.discard("first")
    assert not table.discard("first")
    assert table.add("second", "10.0.0.1") is None
    assert table.clear() == ["second"]
    assert len(table) == 0
    assert not table.discard("second")
