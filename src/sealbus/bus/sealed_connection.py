"""Between the bus and its engine: every frame that leaves is sealed, and every frame that arrives is opened.

No part above this one sees a frame that a process of this site has not written.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sealbus.bus.frame_seal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.bus.bus_connection import BusConnection, Receiver
    from sealbus.bus.bus_state import Connectivity
    from sealbus.bus.frame_seal import FrameSeal
    from sealbus.bus.refusals import Refusals

__all__ = ["OpeningReceiver", "SealingConnection", "wall_ms"]

_REPLY_TOPIC = ""


def wall_ms() -> int:
    """The wall clock in milliseconds: the clocks of two machines are compared."""
    return time.time_ns() // 1_000_000


class SealingConnection:
    """A `BusConnection` that seals what it hands to the engine."""

    def __init__(self, engine: BusConnection, seal: FrameSeal, now_ms: Callable[[], int] = wall_ms) -> None:
        self._engine = engine
        self._seal = seal
        self._now_ms = now_ms

    @property
    def connectivity(self) -> Connectivity:
        return self._engine.connectivity

    async def open(self) -> None:
        await self._engine.open()

    async def close(self) -> None:
        await self._engine.close()

    def publish(self, topic: str, frame: bytes) -> bool:
        return self._engine.publish(topic, self._seal.seal(topic, frame, self._now_ms()))

    def subscribe(self, topic: str) -> None:
        self._engine.subscribe(topic)

    def unsubscribe(self, topic: str) -> None:
        self._engine.unsubscribe(topic)

    def serve(self, topic: str) -> None:
        self._engine.serve(topic)

    def send_request(self, topic: str, frame: bytes) -> bool:
        return self._engine.send_request(topic, self._seal.seal(topic, frame, self._now_ms()))

    def send_reply(self, sender: int, frame: bytes) -> bool:
        return self._engine.send_reply(sender, self._seal.seal(_REPLY_TOPIC, frame, self._now_ms()))


class OpeningReceiver:
    """A `Receiver` that opens what the engine received, and passes on what was written by this site."""

    def __init__(
        self, receiver: Receiver, seal: FrameSeal, refusals: Refusals, now_ms: Callable[[], int] = wall_ms
    ) -> None:
        self._receiver = receiver
        self._seal = seal
        self._refusals = refusals
        self._now_ms = now_ms

    def on_message(self, topic: str, frame: bytes) -> None:
        self._open(topic, frame, self._receiver.on_message)

    def on_request(self, topic: str, frame: bytes) -> None:
        self._open(topic, frame, self._receiver.on_request)

    def on_not_served(self, topic: str, frame: bytes) -> None:
        self._open(topic, frame, self._receiver.on_not_served)

    def on_reply(self, frame: bytes) -> None:
        self._open(_REPLY_TOPIC, frame, lambda _, opened: self._receiver.on_reply(opened))

    def _open(self, topic: str, frame: bytes, pass_on: Callable[[str, bytes], None]) -> None:
        opened = self._seal.open(topic, frame, self._now_ms())
        if isinstance(opened, Refusal):
            self._refusals.note(opened, topic)
        else:
            pass_on(topic, opened)

    def on_malformed(self) -> None:
        self._receiver.on_malformed()

    def on_down(self, problem: str) -> None:
        self._receiver.on_down(problem)
