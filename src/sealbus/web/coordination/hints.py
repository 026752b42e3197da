"""Hints to other processes that a version number has grown. A hint may be lost: the number in the database is what counts.

A process that has a bus sets the publisher; without one, hints are not sent, and the others see it at their next poll.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["publish", "set_publisher"]

_NO_PAYLOAD = b""


class _Publisher:
    send: Callable[[str, bytes], None] | None = None


def set_publisher(send: Callable[[str, bytes], None] | None) -> None:
    """Send hints by this from now on; None: send none. `send` is called from any thread and must not block."""
    _Publisher.send = send


def publish(name: str) -> None:
    """Send a hint that the version of this name has grown. The name is the topic."""
    if _Publisher.send is not None:
        _Publisher.send(name, _NO_PAYLOAD)
