"""An error that nobody foresaw, as a sentence for people.

One row of a plan must not stop ten thousand others. What can be wrong with a row is refused where it is compiled; and
because that may have been forgotten somewhere, whatever else a tag, device, connection or command raises costs that one
alone: it is logged once with where it came from, and shown as a problem.
"""

from __future__ import annotations

from typing import Final

__all__ = ["describe_bug"]

_LONGEST: Final = 200


def describe_bug(error: Exception) -> str:
    """What to show for it."""
    return f"a fault of Sealbus, please report it: {type(error).__name__}: {str(error)[:_LONGEST]}"
