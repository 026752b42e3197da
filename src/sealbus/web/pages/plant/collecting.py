"""What the collector says, requested once for a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealbus.web.access.actions import Action
from sealbus.web.trends.collector_request import request_collector_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.plant import CollectorState, ConnectionState, PollState
    from sealbus.web.access.subject import Subject
    from sealbus.web.devices.models import Connection, Device

__all__ = ["Collecting", "collecting", "sees"]


@dataclass(frozen=True, slots=True)
class Collecting:
    """The state of the collector by rows of the site. Without an answer there is nothing in it."""

    answers: bool = False
    connections: Mapping[int, ConnectionState] = field(default_factory=dict)
    polls: Mapping[int, tuple[PollState, ...]] = field(default_factory=dict)
    """By device."""
    problems: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """By kind (connection, device, tag, calculated) and id: why the collector cannot use this row."""
    refused: frozenset[int] = frozenset()
    """The ids of tags whose place the device does not answer while it answers others."""

    @classmethod
    def of(cls, state: CollectorState | None) -> Collecting:
        """By rows."""
        if state is None:
            return cls()
        polls: dict[int, tuple[PollState, ...]] = {}
        for connection in state.connections:
            for poll in connection.polls:
                polls[poll.device_id] = (*polls.get(poll.device_id, ()), poll)
        return cls(
            answers=True,
            connections={each.id: each for each in state.connections},
            polls=polls,
            problems={(each.what, each.id): each.text for each in state.problems},
            refused=frozenset(tag for each in polls.values() for poll in each for tag in poll.refused),
        )

    def connection_of(self, device: Device) -> ConnectionState | None:
        """The state of its connection."""
        return self.connections.get(device.connection_id or 0)

    def is_silent(self, device: Device) -> bool:
        """Whether the unit answered none of the last requests."""
        connection = self.connection_of(device)
        return connection is not None and device.unit_id in connection.silent_units


def collecting() -> Collecting:
    """Ask the collector. It takes as long as the collector needs to answer, at most the time-out of the live side."""
    return Collecting.of(request_collector_state())


def sees(subject: Subject, row: Connection | Device | None) -> bool:
    """Whether the caller may see this row: the connection of a device may be of another group."""
    return row is not None and subject.rights.allows(Action.VIEW, row.group_id)
