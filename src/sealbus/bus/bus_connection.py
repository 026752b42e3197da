"""What an engine does, and what it is told: the seam between the bus and what carries it.

A link never waits for the other side and raises nothing from these calls: `False` says that a frame was not taken. It
remembers what is listened to and what is offered, and says so again each time it has connected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sealbus.bus.state import Connectivity

__all__ = ["BusConnection", "Receiver"]


class Receiver(Protocol):
    """Who is told what arrives. The bytes are whatever the other side sent."""

    def on_message(self, topic: str, frame: bytes) -> None:
        """A message on a topic that is listened to."""

    def on_request(self, topic: str, frame: bytes) -> None:
        """A question on a topic that is offered."""

    def on_reply(self, frame: bytes) -> None:
        """The answer to a question."""

    def on_malformed(self) -> None:
        """Something came that is none of these."""

    def on_down(self, problem: str) -> None:
        """The link went down: what was asked will not be answered."""


class BusConnection(Protocol):
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

    def subscribe(self, topic: str) -> None:
        """Hear of the topic from now on."""

    def unsubscribe(self, topic: str) -> None:
        """Hear of it no more."""

    def serve(self, topic: str) -> None:
        """Be asked about the topic from now on."""

    def send_request(self, topic: str, frame: bytes) -> bool:
        """Send to the one who offers the topic; when there is nobody, an answer says so."""

    def send_reply(self, sender: int, frame: bytes) -> bool:
        """Send to the one who asked."""
