"""Time that passes only when nothing else is left to do, so that a time-out of an hour takes no time at all."""

from __future__ import annotations

import asyncio
import selectors

__all__ = ["JumpingLoop", "stall"]


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: where the loop would sleep until its next timer, the clock jumps there."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("no event is left: the test waits for something that never happens")
        if not ready and timeout:
            self.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop on such a clock, for tests without sockets."""

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now

    def pass_time(self, seconds: float) -> None:
        self._clock.now += seconds


def stall(seconds: float) -> None:
    """Let time pass without the loop running, as when something else keeps the processor."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    loop.pass_time(seconds)
