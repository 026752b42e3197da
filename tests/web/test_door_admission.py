"""Which connection is closed when there is no room for a new one."""

from __future__ import annotations

from dataclasses import dataclass

from sealbus.web.config.admission import Admission


@dataclass(eq=False)
class _Connection:
    group: str = "192.0.2.7"
    waits_for_client: bool = True
    has_left: bool = False

    def abort(self) -> None:
        self.has_left = True


def test_the_oldest_that_waits_for_its_client_makes_room() -> None:
    admission = Admission(2)
    served, waiting, newcomer = _Connection(waits_for_client=False), _Connection(), _Connection()
    assert all(admission.admit(each) for each in (served, waiting, newcomer))
    assert waiting.has_left
    assert not served.has_left
    assert len(admission) == 2


def test_a_connection_that_is_worked_on_is_never_closed() -> None:
    admission = Admission(2)
    served = [_Connection(waits_for_client=False) for _ in range(2)]
    assert all(admission.admit(each) for each in served)
    assert not admission.admit(_Connection())
    assert not any(each.has_left for each in served)


def test_a_connection_whose_client_does_not_read_may_be_closed() -> None:
    admission = Admission(1)
    slow = _Connection(waits_for_client=False)
    admission.admit(slow)
    slow.waits_for_client = True
    admission.note(slow)
    assert admission.admit(_Connection())
    assert slow.has_left


def test_an_address_with_many_connections_closes_its_own() -> None:
    admission = Admission(10)
    honest = _Connection("2001:db8::/64")
    admission.admit(honest)
    flood = [_Connection("198.51.100.1") for _ in range(100)]
    assert all(admission.admit(each) for each in flood)
    assert not honest.has_left
    assert sum(each.has_left for each in flood) == 91


def test_a_closed_connection_frees_its_place() -> None:
    admission = Admission(1)
    first, second = _Connection(waits_for_client=False), _Connection()
    admission.admit(first)
    admission.remove(first)
    assert admission.admit(second)
    admission.note(first)
    assert len(admission) == 1
