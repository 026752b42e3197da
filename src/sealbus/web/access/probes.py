"""What must work for the site to be ready? A register of questions, each asked by whoever knows how.

A probe answers with what is wrong, in a few words for an administrator, or with an empty text. It runs in a thread, may
wait for a few seconds, and raises nothing. An app adds its own when it is set up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ADVISORIES", "PROBES"]

PROBES: dict[str, Callable[[], str]] = {}
"""By the name of the part: `database`, `bus`, `collector`."""

ADVISORIES: dict[str, Callable[[], str]] = {}
"""What should work as well, but without which the site is still ready: shown, and no more."""
