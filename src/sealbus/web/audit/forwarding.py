"""Forwarding of the audit to a syslog server over TLS, so that a copy exists where no user of this site can change it.

Syslog has no acknowledgement. Entries that the other machine's TCP has acknowledged count as sent (`Outlet.sequence`);
entries sent some seconds ago on a connection that is still open count as settled. After each new connection, forwarding
resumes behind the settled ones: no entry is lost, and some may arrive twice with the same number. While the server does
not answer, entries wait in the audit itself.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import socket
import ssl
import struct
import termios
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from sealbus.errors import ConfigError
from sealbus.outage_log import OutageLog
from sealbus.security import Identity, Trust, build_verifying_context, explain_tls_error
from sealbus.web.audit.models import ChainHead, Entry, Outlet
from sealbus.web.audit.syslog import frame, render_message
from sealbus.web.coordination.outages import log_database_outage

if TYPE_CHECKING:
    from sealbus.web.audit.syslog_target import SyslogTarget

__all__ = ["SyslogForwarder", "forwarding_problem", "keep_forwarding"]

_log = logging.getLogger(__name__)

_NAME = "syslog"
_AT_ONCE = 200
_PATIENCE_S = 10.0
_SETTLED_AFTER_S = 3.0
_CHECK_EVERY_S = 0.01
_BEHIND = 10_000
_IDLE_S = 0.5
_MAX_PAUSE_S = 30.0


def forwarding_problem() -> str:
    """The problem of the forwarding; empty if there is none, or no forwarding is set up."""
    target: SyslogTarget | None = settings.SEALBUS.syslog  # type: ignore[misc]  # ours
    if target is None:
        return ""
    outlet = Outlet.objects.filter(name=_NAME).first() or Outlet(name=_NAME, problem="nothing was forwarded yet")
    head = ChainHead.objects.first()
    behind = (head.sequence if head else 0) - outlet.sequence
    if outlet.problem and behind:
        return outlet.problem
    return f"{behind} entries are not forwarded yet" if behind > _BEHIND else ""


class SyslogForwarder:
    """Forwards to one target. All calls come from one thread, except `interrupt`."""

    def __init__(self, target: SyslogTarget) -> None:
        self._target = target
        self._host = socket.gethostname()
        self._connection: ssl.SSLSocket | None = None
        self._under_way: deque[tuple[float, int]] = deque()
        self._outage = OutageLog(_log)

    def forward_once(self) -> int:
        """Send the next entries; returns how many. An error of the network becomes the outlet's problem."""
        outlet, _ = Outlet.objects.get_or_create(name=_NAME)
        try:
            connection = self._connection or self._connect(outlet)
            entries = list(Entry.objects.filter(sequence__gt=outlet.sequence).order_by("sequence")[:_AT_ONCE])
            if entries:
                connection.sendall(b"".join(frame(render_message(entry, self._host)) for entry in entries))
                self._under_way.append((time.monotonic(), entries[-1].sequence))
            self._wait_until_acknowledged(connection)
        except (OSError, ConfigError) as error:
            self.close()
            reason = str(error) if isinstance(error, ConfigError) else explain_tls_error(error)
            problem = f"{self._target}: {reason}"[:500]
            self._outage.failed(f"the audit cannot be forwarded: {problem}")
            _save(outlet, problem=problem)
            return 0
        self._outage.works("the audit is forwarded again")
        sequence = entries[-1].sequence if entries else outlet.sequence
        _save(outlet, sequence=sequence, settled=self._settled(outlet.settled), problem="")
        return len(entries)

    def close(self) -> None:
        """Close the connection."""
        self._under_way.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def interrupt(self) -> None:
        """Make a call that waits for the network return. For another thread."""
        connection = self._connection
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def _connect(self, outlet: Outlet) -> ssl.SSLSocket:
        target = self._target
        trust = Trust.load(target.trust) if target.trust else None
        identity = Identity.load(target.certificate, target.key) if target.certificate and target.key else None
        context = build_verifying_context(trust, identity)
        plain = socket.create_connection((target.host, target.port), timeout=_PATIENCE_S)
        try:
            self._connection = context.wrap_socket(plain, server_hostname=target.host)
        except BaseException:
            plain.close()
            raise
        outlet.sequence = outlet.settled
        return self._connection

    def _wait_until_acknowledged(self, connection: ssl.SSLSocket) -> None:
        """Wait until the other machine's TCP has everything. Raises OSError if it closes, or takes too long."""
        end = time.monotonic() + _PATIENCE_S
        while True:
            self._check_open(connection)
            if _unacknowledged(connection) == 0:
                return
            if time.monotonic() > end:
                raise ConnectionAbortedError("the server does not acknowledge in time")
            time.sleep(_CHECK_EVERY_S)

    def _check_open(self, connection: ssl.SSLSocket) -> None:
        connection.settimeout(0.0)
        try:
            if not connection.recv(4096):
                raise ConnectionResetError
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        finally:
            connection.settimeout(_PATIENCE_S)

    def _settled(self, before: int) -> int:
        now, settled = time.monotonic(), before
        while self._under_way and now - self._under_way[0][0] > _SETTLED_AFTER_S:
            settled = self._under_way.popleft()[1]
        return settled


async def keep_forwarding(target: SyslogTarget) -> None:
    """Forward until cancelled, in a separate thread; with growing pauses while the server does not answer."""
    forwarder, loop = SyslogForwarder(target), asyncio.get_running_loop()
    pause_s = _IDLE_S
    with ThreadPoolExecutor(1, "syslog") as thread:
        try:
            while True:
                sent, is_well = await loop.run_in_executor(thread, _forward, forwarder)
                pause_s = _IDLE_S if is_well else min(2 * pause_s, _MAX_PAUSE_S)
                await asyncio.sleep(0 if sent else pause_s)
        finally:
            forwarder.interrupt()
            thread.submit(forwarder.close)


def _forward(forwarder: SyslogForwarder) -> tuple[int, bool]:
    """How many entries were sent, and whether there is no problem. The database may be down as well as the server."""
    close_old_connections()
    try:
        sent = forwarder.forward_once()
        return sent, not Outlet.objects.exclude(problem="").filter(name=_NAME).exists()
    except (DatabaseError, InterfaceError) as error:
        log_database_outage(error, "the audit is not forwarded")
        return 0, False


def _save(outlet: Outlet, **values: int | str) -> None:
    changed = [name for name, value in values.items() if getattr(outlet, name) != value]
    for name in changed:
        setattr(outlet, name, values[name])
    if changed:
        outlet.changed_at = timezone.now()
        Outlet.objects.filter(pk=outlet.pk).update(**values, changed_at=outlet.changed_at)


def _unacknowledged(connection: socket.socket) -> int:
    """Bytes in the send queue that the other side has not acknowledged (SIOCOUTQ)."""
    waiting = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    return int(struct.unpack("i", waiting)[0])
