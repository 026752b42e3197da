"""An unforeseen error, as a sentence for people.

One row of a plan must not stop ten thousand others. What can be wrong with a row is refused where it is compiled. A check
may be missing there; so any other error of a tag, a device, a connection or a command affects that one alone: it is logged
once with its traceback, and shown as a problem.
"""

from __future__ import annotations

from typing import Final

__all__ = ["describe_bug"]

_MAX: Final = 200


def describe_bug(error: Exception) -> str:
    """The text to show for it."""
    return f"a fault of Sealbus, please report it: {type(error).__name__}: {str(error)[:_MAX]}"
