"""The id of a collector, and the names that carry it: its lease, and its topics on the bus.

A site has one collector today, `DEFAULT_COLLECTOR_ID`. Everything that belongs to one collector is named after it, so that
several can share a site later without a change of these names.
"""

from __future__ import annotations

from typing import Final

__all__ = ["COLLECTOR_LEASE", "DEFAULT_COLLECTOR_ID", "with_collector_id"]

DEFAULT_COLLECTOR_ID: Final = "main"
COLLECTOR_LEASE: Final = "collector"
"""What the lease of a collector is called, before its id."""


def with_collector_id(what: str, collector_id: str = DEFAULT_COLLECTOR_ID) -> str:
    """`what` of this collector: "live/main" is the topic `live` of the collector "main"."""
    return f"{what}/{collector_id}"
