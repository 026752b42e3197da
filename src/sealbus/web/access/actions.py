"""The six actions that a role can allow. A role is a set of actions; a user holds it in one device group or in all."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["GLOBAL_ACTIONS", "Action"]


class Action(StrEnum):
    """What a role may allow. The values are stored and shown."""

    VIEW = "view"
    """See devices, tags, live values, history and alarms."""
    ACKNOWLEDGE = "acknowledge"
    """Acknowledge and shelve alarms."""
    WRITE = "write"
    """Send a command: write to a device, or read from it outside the schedule."""
    CONFIGURE = "configure"
    """Change connections, devices and tags; test and scan."""
    ADMINISTER = "administer"
    """Change users, roles, other users' tokens and allowed networks."""
    AUDIT = "audit"
    """Read, verify and export the audit."""


GLOBAL_ACTIONS = frozenset({Action.ADMINISTER, Action.AUDIT})
"""Actions that concern the whole site: they count only where they are held in all groups."""
