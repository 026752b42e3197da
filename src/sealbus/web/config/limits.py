"""The deadlines and rates of HTTP and, in `live`, of live sockets. The defaults are those of production.

Bounds of threads and queues are not here: they are constants beside their use.

`run_server` takes them as an argument, so that a test gives short ones to a server of its own. No setting, option or
environment variable changes them: an operator cannot weaken the server by accident.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sealbus.web.trends.limits import LiveLimits

__all__ = ["ServerLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Names say the unit; the others are seconds."""

    head_s: float = 10.0
    """From the connect, or the first byte of a further request, to the end of the request's head."""
    body_s: float = 60.0
    """From the end of the head to the end of the body."""
    body_grace_s: float = 20.0
    body_bytes_per_s: float = 8192.0
    """A body may be this long on its way, and a second more for each of these bytes that have arrived."""
    stranger_requests_per_s: float = 20.0
    stranger_burst: float = 200.0
    """What one address may send without a valid session or token."""
    read_s: float = 30.0
    """How long a client may leave a full send buffer unread."""
    idle_s: int = 15
    """Between two requests of one connection."""
    tls_handshake_s: float = 10.0
    tls_handshakes_per_s: float = 50.0
    tls_handshake_burst: float = 200.0
    """What one address may begin. Above it handshakes wait for their turn; those that would wait too long are refused."""
    tls_close_s: float = 3.0
    stop_s: int = 5
    """How long open requests may take after the server got the signal to stop."""
    socket_close_s: float = 5.0
    """How long a WebSocket whose application has ended may stay open."""
    certificate_check_s: float = 2.0
    """Between two checks of the files of the certificate."""
    live: LiveLimits = field(default_factory=LiveLimits)
