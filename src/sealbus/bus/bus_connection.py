"""The interface between the bus and its engines.

A connection never waits for the other side, and these calls raise nothing: `False` means that a frame was not taken. A
connection stores which topics are subscribed and served, and registers them again after each reconnect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sealbus.bus.bus_state import Connectivity

__all__ = ["BusConnection", "Receiver"]


class Receiver(Protocol):
    """Gets what arrives. Frames are untrusted bytes."""

    def on_message(self, topic: str, frame: bytes) -> None:
        """A message on a subscribed topic."""

    def on_request(self, topic: str, frame: bytes) -> None:
        """A request on a served topic."""

    def on_not_served(self, topic: str, frame: bytes) -> None:
        """The request that this process sent on the topic, back: no process serves it."""

    def on_reply(self, frame: bytes) -> None:
        """The reply to a request."""

    def on_malformed(self) -> None:
        """Bytes that are none of these."""

    def on_down(self, problem: str) -> None:
        """The connection is lost: pending requests will get no reply."""


class BusConnection(Protocol):
    """The connection of one process to an engine."""

    @property
    def connectivity(self) -> Connectivity:
        """Whether it is up."""

    async def open(self) -> None:
        """Start to connect. Returns soon, connected or not; raises only for what the operator must fix."""

    async def close(self) -> None:
        """Disconnect, and wait until that is done."""

    def publish(self, topic: str, frame: bytes) -> bool:
        """Send to all subscribers of the topic."""

    def subscribe(self, topic: str) -> None:
        """Receive messages on the topic."""

    def unsubscribe(self, topic: str) -> None:
        """Stop receiving messages on the topic."""

    def serve(self, topic: str) -> None:
        """Receive requests on the topic."""

    def send_request(self, topic: str, frame: bytes) -> bool:
        """Send to the server of the topic; without one, `on_not_served` gets the frame back."""

    def send_reply(self, sender: int, frame: bytes) -> bool:
        """Send to the process that sent the request."""
