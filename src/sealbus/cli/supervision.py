"""Runs services as separate processes: starts them in order, restarts those that end, stops them in reverse order.

A service is up when it prints its first line that begins with `listening on`. At the start the next service waits for
that line; a service that ends before it ends the whole start, with its last line as the reason. A service that ends
later is restarted, first after half a second, then with growing pauses, until it has run for a while.

Each child has its own session, so that Ctrl-C in the terminal reaches the supervisor only, which stops the services in
order. On Linux the children receive SIGTERM when the supervisor is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.cli.exits import WRONG_USAGE
from sealbus.cli.readiness import READY
from sealbus.errors import ConfigError, SealbusError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["ServiceCommand", "Supervisor"]

_START_S = 30.0
_STOP_S = 15.0
_FIRST_PAUSE_S = 0.5
_MAX_PAUSE_S = 30.0
_PROVEN_S = 20.0
_MAX_LINE_BYTES = 1 << 20
_TROUBLE = re.compile(r"\S+Z (?:warning|error) ")
"""A line of the log, in the format of `cli.log`, that is said before the service is up too: it may start and not work."""
_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True, slots=True)
class ServiceCommand:
    """A service: its name, and the arguments of `sealbus` that start it."""

    name: str
    words: tuple[str, ...]


class Supervisor:
    """Keeps services running between `start` and `stop`. `say` receives each line that is to be printed."""

    def __init__(self, commands: Sequence[ServiceCommand], *, say: Callable[[str], None]) -> None:
        self._services = [_Service(command, say) for command in commands]
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self, announce: Callable[[str], None]) -> None:
        """Start all, each when the one before is up. Raises ConfigError or SealbusError if one does not start."""
        for service in self._services:
            announce(f"starting the {service.name}")
            await service.start()
        self._keepers = [asyncio.create_task(service.keep()) for service in self._services]

    async def stop(self) -> None:
        """Stop all in reverse order."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for service in reversed(self._services):
            await service.stop()

    def kill(self) -> None:
        """Kill all immediately."""
        for service in self._services:
            service.send(signal.SIGKILL)


class _Service:
    def __init__(self, command: ServiceCommand, say: Callable[[str], None]) -> None:
        self.name = command.name
        self._words = command.words
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._is_up = asyncio.Event()
        self._last_line = ""

    async def start(self) -> None:
        self._is_up.clear()
        self._last_line = ""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "sealbus", *self._words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_MAX_LINE_BYTES,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),
        )
        self._reader = asyncio.create_task(self._read(self._process))
        up = asyncio.create_task(self._is_up.wait())
        try:
            await asyncio.wait({self._reader, up}, timeout=_START_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
        if not self._is_up.is_set():
            raise await self._failure(has_ended=self._reader.done())

    async def keep(self) -> None:
        """Restart it whenever it ends, until cancelled."""
        clock = asyncio.get_running_loop().time
        pause_s = _FIRST_PAUSE_S
        while True:
            since = clock()
            status = await self._ended()
            if clock() - since > _PROVEN_S:
                pause_s = _FIRST_PAUSE_S
            reason = "" if self._is_up.is_set() else f" ({self._last_line})"
            self._say(f"the {self.name} ended with status {status}{reason}; restart in {pause_s:g} s")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _MAX_PAUSE_S)
            with contextlib.suppress(SealbusError):  # the next round reports the reason
                await self.start()
                self._say(f"the {self.name} is running again")

    async def stop(self, patience_s: float = _STOP_S) -> int:
        """Send SIGTERM, and SIGKILL after `patience_s`. Returns the exit status."""
        self.send(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._ended(), patience_s)
        self.send(signal.SIGKILL)
        return await self._ended()

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the process still runs."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _ended(self) -> int:
        if self._process is None or self._reader is None:
            return 0
        status = await self._process.wait()
        await asyncio.wait({self._reader}, timeout=1.0)
        return status

    async def _failure(self, *, has_ended: bool) -> SealbusError:
        status = await (self._ended() if has_ended else self.stop(0.0))
        reason = self._last_line.removeprefix("sealbus: ") or "it printed no reason"
        problem = f"the {self.name} did not start{'' if has_ended else f' within {_START_S:g} s'}: {reason}"
        return ConfigError(problem) if status == WRONG_USAGE else SealbusError(problem)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        while process.stdout is not None:
            try:
                data = await process.stdout.readline()
            except ValueError:  # longer than the limit: the rest follows
                continue
            if not data:
                return
            line = data.decode("utf-8", "replace").rstrip()
            if line.startswith(READY):
                self._is_up.set()
            elif line:
                self._last_line = line
                if self._is_up.is_set() or _TROUBLE.match(line):
                    self._say(f"{self.name}: {line}")


def _die_with(parent_id: int) -> Callable[[], None] | None:
    """For the child, before exec: request SIGTERM from the kernel when the supervisor ends in any way (prctl(2))."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_id:
            os._exit(1)

    return ask
