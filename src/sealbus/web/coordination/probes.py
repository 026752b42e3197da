"""The register of health probes: each app adds its own when it is set up.

A probe returns the problem, in a few words for an administrator, or an empty text. It runs in a thread, may take a few
seconds, and raises nothing but errors of the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ADVISORIES", "PROBES"]

PROBES: dict[str, Callable[[], str]] = {}
"""What the site cannot be ready without, by the name of the part."""

ADVISORIES: dict[str, Callable[[], str]] = {}
"""What should work too: shown, but the site is ready without it."""
