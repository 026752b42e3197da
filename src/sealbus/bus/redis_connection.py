"""One connection to Redis, and the check that the server does not accept anyone.

The reconnecting, retrying, naming and deadlines of redis-py are off: the owner of the connection handles its loss. (The
send deadline of redis-py is `asyncio.wait_for`, which may swallow a cancellation before Python 3.12.) The protocol is
RESP2, which Redis from 2.8 on and Valkey support. TLS is at least 1.2, with certificate and host name checked.

Off loopback, the password in our URL does not show that the server demands one. So before each use a second connection
sends PING without credentials. A server that answers it would also take values and hints from anyone, and is not used.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from redis.asyncio import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, InvalidResponse, ResponseError

from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from sealbus.bus.bus_url import BusUrl

__all__ = ["connect", "explain", "login_refused", "no_answer", "refuse_open_server"]

_CONNECT_S = 3.0
_ANSWER_S = 5.0


async def connect(url: BusUrl) -> Connection:
    """An authenticated connection. Raises ConfigError when the server refuses the login, otherwise the errors of
    redis-py.
    """
    connection = _build(url, login=True)
    try:
        await _connect(connection)
    except AuthenticationError as error:
        raise login_refused(url, error) from None
    return connection


def login_refused(url: BusUrl, error: AuthenticationError) -> ConfigError:
    """The server wants another login than ours, or wants one and the URL has none."""
    text = f"refuses our login: {error}" if url.password else "wants a password, and the bus URL has none"
    return ConfigError(f'"{url}" {text}', hint="write the user and password of that server into SEALBUS_BUS")


def explain(url: BusUrl, error: BaseException) -> str:
    """Why there is no connection, in words for the operator: a name of a class is no reason."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ConfigError):
        return str(error)
    if isinstance(error, InvalidResponse):
        return f"what answers at {url} is not Redis: write the port of Redis into SEALBUS_BUS"
    if isinstance(error.__context__, ConnectionRefusedError):
        return f"nothing listens at {url}: start Redis there, or write its port into SEALBUS_BUS"
    if isinstance(error, TimeoutError):
        return no_answer(url)
    return f"{url}: {error}" if str(error) else no_answer(url)


def no_answer(url: BusUrl) -> str:
    """The server is silent."""
    return f"{url} does not answer" + (" over TLS: a Redis without TLS is silent then" if url.tls else "")


async def refuse_open_server(url: BusUrl) -> None:
    """Raises ConfigError when the server accepts a client without a password. Not checked on loopback, and when our URL
    has no password.
    """
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
        f'"{url}" accepts anyone without a password',
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
