"""How a change of the configuration is counted, so that the collector and the sites notice: the number tells, and hints
of it travel by themselves. A hint may be lost; the number in the database is what counts.
"""

from __future__ import annotations

from sealbus.web.access.models import Version

__all__ = ["announce"]


def announce(topic: str) -> None:
    """Count the version up, within the transaction. Whoever changes the plan waits here for others who do: one change of
    the configuration passes at a time.
    """
    Version.bump(topic)
