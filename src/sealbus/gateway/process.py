"""The life of a gateway process: start, watch, reload, drain, stop.

SIGTERM and SIGINT drain and stop; SIGHUP reloads; a changed file is reloaded automatically. A second SIGTERM stops at
once. gateway.toml itself is read once: it defines the structure of the process, and only a restart applies a change. A
reload logs a warning if the file has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from typing import TYPE_CHECKING

from sealbus.gateway.events import GatewayEvents
from sealbus.gateway.gateway import Gateway, GatewayPace
from sealbus.gateway.metrics import GatewayMetrics, GatewayMetricsServer
from sealbus.gateway.notify import notify, watchdog_interval_s
from sealbus.gateway.security import digest_of
from sealbus.gateway.watch import FileWatch
from sealbus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealbus.gateway.config import GatewayFile

__all__ = ["GatewayProcess", "run_gateway"]

_log = logging.getLogger("sealbus.gateway")
_EXPIRY_EVERY = 3600


class GatewayProcess:
    """One gateway with its record, metrics and file watch. `path` is its gateway.toml, if there is one."""

    def __init__(self, file: GatewayFile, *, path: Path | None = None, pace: GatewayPace | None = None) -> None:
        self._file = file
        self._pace = pace or GatewayPace()
        self._path = path
        self._digest = digest_of(str(path)) if path else ""
        self.events = GatewayEvents(file.gateway)
        try:
            self.gateway = Gateway(file, self.events, pace=self._pace)
            self._metrics = self._serve_metrics()
        except BaseException:
            self.events.records.close()
            raise
        self._watch = FileWatch(lambda: self.gateway.watched, self.reload, interval_s=self._pace.watch_s)
        self._timers: list[asyncio.Task[None]] = []
        self._second_look: asyncio.TimerHandle | None = None
        self._is_reloading = False

    async def start(self) -> None:
        """Listen, and start to watch. Raises ConfigError."""
        try:
            await self.gateway.start()
        except BaseException:
            self._close()
            raise
        self.events.started(
            __version__,
            self.gateway.services,
            [*self._own_files(), *self.gateway.public_files],
            self._unsafe_switches(),
        )
        self.gateway.check_expiry()
        self.gateway.maintain()
        self._watch.start()
        loop = asyncio.get_running_loop()
        self._timers = [
            loop.create_task(_every(self._pace.sweep_s, self._maintain)),
            loop.create_task(_every(self._pace.retry_s, self._retry_reload)),
            loop.create_task(_every(_EXPIRY_EVERY, self.gateway.check_expiry)),
        ]
        if (interval_s := watchdog_interval_s()) is not None:
            self._timers.append(loop.create_task(_every(interval_s, lambda: notify("WATCHDOG=1"))))

    async def stop(self, reason: str) -> None:
        """Drain, close, and write the last record."""
        notify("STOPPING=1")
        self._watch.stop()
        if self._second_look is not None:
            self._second_look.cancel()
        for timer in self._timers:
            timer.cancel()
        await self.gateway.stop()
        self.events.stopped(reason)
        self._close()

    def reload(self) -> None:
        """Load what changed on disk."""
        notify("RELOADING=1")
        self._is_reloading = True
        self._reload_gateway()
        self.gateway.check_expiry()
        self.gateway.maintain()
        if self._path is not None and digest_of(str(self._path)) != self._digest:
            _log.warning("%s has changed: restart the gateway to apply it", self._path)

    def _reload_gateway(self) -> None:
        self.gateway.reload()
        if self._second_look is not None:
            self._second_look.cancel()
            self._second_look = None
        if self.gateway.is_settling:
            loop = asyncio.get_running_loop()
            self._second_look = loop.call_later(self._pace.settle_s, self._reload_gateway)
        elif self._is_reloading:  # systemd waits: only now a changed policy is in force
            self._is_reloading = False
            notify("READY=1")

    def _maintain(self) -> None:
        self.events.records.maintain(time.monotonic())
        self.gateway.maintain()

    def _retry_reload(self) -> None:
        if self.events.has_failed_reload:  # the cause may pass without a change of the file: descriptors, permissions
            self._reload_gateway()

    def _serve_metrics(self) -> GatewayMetricsServer | None:
        if not self._file.gateway.metrics:
            return None
        return GatewayMetricsServer(
            self._file.gateway.metrics,
            GatewayMetrics(
                counters=self.events.counters,
                services=self.gateway.services,
                channels=self.gateway.channels,
                days_left=self.gateway.days_left,
                records_state=lambda: self.events.records.state.name.lower(),
                alarms=self.events.alarms,
            ),
        )

    def _own_files(self) -> list[str]:
        return [str(self._path)] if self._path else []

    def _unsafe_switches(self) -> list[str]:
        tables = (self._file.gateway, self._file.identity, *self._file.listener)
        return sorted(
            {
                name
                for table in tables
                if table is not None
                for name in table.__struct_fields__
                if name.startswith("unsafe_") and getattr(table, name)
            }
        )

    def _close(self) -> None:
        if self._metrics is not None:
            self._metrics.close()
        self.events.records.close()


async def run_gateway(
    file: GatewayFile,
    *,
    path: Path | None = None,
    pace: GatewayPace | None = None,
    ready: Callable[[GatewayProcess], None],
) -> None:
    """Run until a signal ends it. `ready` is called once it listens. Raises ConfigError when it cannot start."""
    process = GatewayProcess(file, path=path, pace=pace)
    await process.start()
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[str] = loop.create_future()

    def end(name: str) -> None:
        if ended.done():
            raise SystemExit(1)  # a second signal: do not wait
        ended.set_result(name)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, signal.Signals(number).name)
    loop.add_signal_handler(signal.SIGHUP, process.reload)
    ready(process)
    notify("READY=1")
    await process.stop(await ended)


async def _every(seconds: float, work: Callable[[], None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(seconds)
            asyncio.get_running_loop().call_soon(work)  # the loop logs an error of `work`, which does not end this task
