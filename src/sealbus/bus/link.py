"""What an engine does, and what it is told: the seam between the bus and what carries it.

A link never waits for the other side and raises nothing from these calls: `False` says that a frame was not taken. It
remembers what is listened to and what is offered, and says so again each time it has connected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sealbus.bus.state import Connectivity

__all__ = ["Link", "Receiver"]


class Receiver(Protocol):
    """Who is told what arrives. The bytes are whatever the other side sent."""

    def heard(self, topic: str, frame: bytes) -> None:
        """A message on a topic that is listened to."""

    def asked(self, topic: str, frame: bytes) -> None:
        """A question on a topic that is offered."""

    def answered(self, frame: bytes) -> None:
        """The answer to a question."""

    def garbled(self) -> None:
        """Something came that is none of these."""

    def cut_off(self, problem: str) -> None:
        """The link went down: what was asked will not be answered."""


class Link(Protocol):
    """One engine."""

    @property
    def connectivity(self) -> Connectivity:
        """Whether it stands."""

    async def open(self) -> None:
        """Start to connect. Returns soon, connected or not; raises only for what the operator must mend."""

    async def close(self) -> None:
        """End it, and wait until that is done."""

    def publish(self, topic: str, frame: bytes) -> bool:
        """Send to all who listen to the topic."""

    def listen(self, topic: str) -> None:
        """Hear of the topic from now on."""

    def unlisten(self, topic: str) -> None:
        """Hear of it no more."""

    def offer(self, topic: str) -> None:
        """Be asked about the topic from now on."""

    def ask(self, topic: str, frame: bytes) -> bool:
        """Send to the one who offers the topic; when there is nobody, an answer says so."""

    def answer(self, sender: int, frame: bytes) -> bool:
        """Send to the one who asked."""
