"""Hints to other processes that a version number has grown. They may be lost: whoever needs to know looks at the number.

The process that has a bus says by `carry` how a hint travels; without one, nothing is told and nothing is missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["carry", "tell"]

_NOTHING = b""


class _Carrier:
    publish: Callable[[str, bytes], None] | None = None


def carry(publish: Callable[[str, bytes], None] | None) -> None:
    """Let hints travel by this from now on; None: not at all. It may be called from any thread and never waits."""
    _Carrier.publish = publish


def tell(name: str) -> None:
    """Hint that the number of this name is another one. The name is the topic."""
    if _Carrier.publish is not None:
        _Carrier.publish(name, _NOTHING)
