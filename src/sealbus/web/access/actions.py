"""What can be allowed: the six actions. A role is a set of them, held in one device group or in all."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["GLOBAL_ACTIONS", "Action"]


class Action(StrEnum):
    """What a role may allow. The words are stored and shown."""

    VIEW = "view"
    """See devices, tags, live values, history and alarms."""
    ACKNOWLEDGE = "acknowledge"
    """Acknowledge and shelve alarms."""
    WRITE = "write"
    """Ask for a write to a device, or for a reading outside the schedule."""
    CONFIGURE = "configure"
    """Change connections, devices and tags; test and scan."""
    ADMINISTER = "administer"
    """Change users, roles, tokens of others and allowed networks."""
    AUDIT = "audit"
    """Read, verify and export the audit."""


GLOBAL_ACTIONS = frozenset({Action.ADMINISTER, Action.AUDIT})
"""What concerns no device group: it counts only where it is held in all groups."""
