"""The audit sent on to a syslog server over TLS, so that a copy is where nobody of this site can reach it.

Syslog acknowledges nothing. What the other machine's TCP has acknowledged is counted as sent (`Outlet.sequence`), what
stayed so for some seconds on a connection that lived as settled. After every new connection sending goes on behind what
was settled: nothing is lost, and what was under way comes twice; its number tells. Where the server is away entries wait
in the audit itself, so nothing has to be kept for them.
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
from sealbus.security import Identity, Trust, build_verifying_context, explain_tls_error
from sealbus.web.audit.models import ChainHead, Entry, Outlet
from sealbus.web.audit.syslog import frame, render_message

if TYPE_CHECKING:
    from sealbus.web.audit.syslog_target import SyslogTarget

__all__ = ["SyslogForwarder", "forwarding_problem", "keep_forwarding"]

_log = logging.getLogger(__name__)

_NAME = "syslog"
_AT_ONCE = 200
_PATIENCE_S = 10.0
_SETTLED_AFTER_S = 3.0
_LOOK_EVERY_S = 0.01
_BEHIND = 10_000
_IDLE_S = 0.5
_LONGEST_PAUSE_S = 30.0


def forwarding_problem() -> str:
    """What is wrong with the forwarding; empty where nothing is, or none is asked for."""
    target: SyslogTarget | None = settings.SEALBUS.syslog  # type: ignore[misc]  # ours
    if target is None:
        return ""
    outlet = Outlet.objects.filter(name=_NAME).first() or Outlet(name=_NAME, problem="nothing was sent yet")
    head = ChainHead.objects.first()
    behind = (head.sequence if head else 0) - outlet.sequence
    if outlet.problem and behind:
        return outlet.problem
    return f"{behind} entries wait to be sent" if behind > _BEHIND else ""


class SyslogForwarder:
    """Sends to one target. All calls come from one thread, save `interrupt`."""

    def __init__(self, target: SyslogTarget) -> None:
        self._target = target
        self._host = socket.gethostname()
        self._connection: ssl.SSLSocket | None = None
        self._under_way: deque[tuple[float, int]] = deque()

    def forward_once(self) -> int:
        """Send the next entries, if there are any; how many were. What the network does is kept as the outlet's problem."""
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
            _save(outlet, problem=f"{self._target}: {reason}"[:500])
            return 0
        sequence = entries[-1].sequence if entries else outlet.sequence
        _save(outlet, sequence=sequence, settled=self._settled(outlet.settled), problem="")
        return len(entries)

    def close(self) -> None:
        """End the connection."""
        self._under_way.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def interrupt(self) -> None:
        """Make a call that waits for the network return, from another thread."""
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
        """Until the other machine has all we sent. Raises OSError where it hangs up, or takes too long."""
        end = time.monotonic() + _PATIENCE_S
        while True:
            self._see_that_it_lives(connection)
            if _unacknowledged(connection) == 0:
                return
            if time.monotonic() > end:
                raise ConnectionAbortedError("what was sent is not acknowledged")
            time.sleep(_LOOK_EVERY_S)

    def _see_that_it_lives(self, connection: ssl.SSLSocket) -> None:
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
    """Forward for ever, in a thread of its own; ever more rarely where the server is away."""
    forwarder, loop = SyslogForwarder(target), asyncio.get_running_loop()
    pause_s = _IDLE_S
    with ThreadPoolExecutor(1, "syslog") as thread:
        try:
            while True:
                sent, is_well = await loop.run_in_executor(thread, _forward, forwarder)
                pause_s = _IDLE_S if is_well else min(2 * pause_s, _LONGEST_PAUSE_S)
                await asyncio.sleep(0 if sent else pause_s)
        finally:
            forwarder.interrupt()
            thread.submit(forwarder.close)


def _forward(forwarder: SyslogForwarder) -> tuple[int, bool]:
    """How many were sent, and whether all is well. The database may be away as well as the server."""
    close_old_connections()
    try:
        sent = forwarder.forward_once()
        return sent, not Outlet.objects.exclude(problem="").filter(name=_NAME).exists()
    except (DatabaseError, InterfaceError) as error:
        _log.warning("the audit cannot be sent on while the database does not answer: %s", type(error).__name__)
        return 0, False


def _save(outlet: Outlet, **values: int | str) -> None:
    changed = [name for name, value in values.items() if getattr(outlet, name) != value]
    for name in changed:
        setattr(outlet, name, values[name])
    if "problem" in changed and outlet.problem:
        _log.warning("the audit cannot be sent on: %s", outlet.problem)
    if changed:
        outlet.changed_at = timezone.now()
        Outlet.objects.filter(pk=outlet.pk).update(**values, changed_at=outlet.changed_at)


def _unacknowledged(connection: socket.socket) -> int:
    """Bytes in the send queue that the other side has not acknowledged (SIOCOUTQ)."""
    waiting = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    return int(struct.unpack("i", waiting)[0])
