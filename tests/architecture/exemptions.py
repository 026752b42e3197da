"""Where a rule is not kept, and why. An entry that is no longer needed fails the test it was made for."""

from __future__ import annotations

__all__ = ["BLIND_EXCEPT", "LONG", "WEAK_NAMES"]

LONG: dict[str, str] = {}
"""Modules, classes and functions past the size where a noun is missing: dotted name and reason."""

BLIND_EXCEPT: dict[str, str] = {}
"""Functions that may catch everything: the outermost loop of a service, which logs and counts."""

WEAK_NAMES: dict[str, str] = {}
"""Names that read like a switch for a check and are none: `module: name` and reason."""
