"""The numbers by which a collector detects changes. Each grows with a change of its kind."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["SiteVersions"]


class SiteVersions(Struct, frozen=True, kw_only=True):
    """`plan` counts changes of connections, devices, tags, networks and retention; `commands` those of commands."""

    plan: int
    commands: int
