"""One connection to Redis, and the proof that the server does not let just anyone in.

redis-py's own reconnecting, retrying, naming and deadlines are off: whoever holds the connection sees it break and
decides. (Its deadline for sending is `asyncio.wait_for`, which before Python 3.12 may swallow a cancellation.) RESP2 is
spoken, which Redis from 2.8 on and Valkey know alike. TLS is 1.2 at least, with the certificate and its name checked.

Off loopback a password in our URL says nothing about the server: it may take anyone. So before it is used, each time, we
knock without a name; who answers that PING would take values and hints from whoever asks, and is not used.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from redis.asyncio import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ResponseError

from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from sealbus.bus.bus_url import BusUrl

__all__ = ["connect", "refuse_open_server"]

_CONNECT_S = 3.0
_ANSWER_S = 5.0


async def connect(url: BusUrl) -> Connection:
    """A connection that is logged in. Raises ConfigError when the server knows no such user; else what redis-py raises."""
    connection = _build(url, login=True)
    try:
        await _connect(connection)
    except AuthenticationError as error:
        raise ConfigError(
            f'"{url}" refuses our login: {error}', hint="correct user and password in the bus URL"
        ) from None
    return connection


async def refuse_open_server(url: BusUrl) -> None:
    """Raises ConfigError when the server lets in who shows no password. On loopback, and without one, it is not asked."""
    if url.is_loopback or not url.password:
        return
    connection = _build(url, login=False)
    try:
        await _connect(connection)
        async with asyncio.timeout(_ANSWER_S):
            await connection.send_command("PING")
            await connection.read_response()
    except (AuthenticationError, ResponseError):
        return
    finally:
        await connection.disconnect(nowait=True)
    raise ConfigError(
        f'"{url}" lets in anyone without a password',
        hint='set requirepass or an ACL there, with "user default off", and restart',
    )


async def _connect(connection: Connection) -> None:
    try:
        async with asyncio.timeout(_CONNECT_S + _ANSWER_S):
            await connection.connect()  # type: ignore[no-untyped-call]
    except TimeoutError:
        await connection.disconnect(nowait=True)
        raise


def _build(url: BusUrl, *, login: bool) -> Connection:
    arguments: dict[str, Any] = {
        "host": url.host,
        "port": url.port,
        "username": (url.user or None) if login else None,
        "password": (url.password or None) if login else None,
        "protocol": 2,
        "driver_info": None,
        "socket_connect_timeout": _CONNECT_S,
        "socket_timeout": None,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
    }
    if not url.tls:
        return Connection(**arguments)
    return SSLConnection(
        ssl_ca_certs=None if url.trust is None else str(url.trust),
        ssl_cert_reqs="required",
        ssl_check_hostname=True,
        ssl_min_version=ssl.TLSVersion.TLSv1_2,
        **arguments,
    )
