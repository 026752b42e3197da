"""Dial an endpoint: one table from scheme to dialler, one deadline, one kind of failure.

For every scheme the caller gets a transport and its own protocol on the running loop, asyncio's or uvloop's, and every
failure is one Unreachable with one sentence. The deadline covers everything: name, connection, TLS handshake, SSH log-in.
When it passes, or the caller is cancelled, nothing stays open.

mbaps: the certificate must carry the host of the URL, or the name that the URL gives with `?name=`. In TLS 1.3 a client
has finished its handshake before the server has checked the client's certificate. A refusal then comes after `dial` has
returned: the protocol's `connection_lost` gets the TLS error, which `explain_tls_error` describes.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from sealbus.endpoints import Scheme, parse_endpoint
from sealbus.errors import ConfigError, LocalError, SealbusError, Unreachable
from sealbus.security import WrongHostError, alerts_to, explain_tls_error
from sealbus.transport.sockets import connect_socket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from sealbus.endpoints import Endpoint

__all__ = ["CLOSE_NOTIFY_S", "check_dialling", "dial", "failures_explained"]

CLOSE_NOTIFY_S = 2.0
"""How long a closing side waits for the other's close_notify, in seconds."""

_REASONS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "the other side closed the connection",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no route to the network",
    errno.ETIMEDOUT: "the host does not answer",
    errno.EMFILE: "too many files are open in this process",
    errno.ENFILE: "too many files are open on this machine",
}

_P = TypeVar("_P", bound=asyncio.Protocol)


async def dial(
    endpoint: Endpoint, protocol_factory: Callable[[], _P], *, tls: ssl.SSLContext | None = None, timeout_s: float
) -> tuple[asyncio.Transport, _P]:
    """Connect to `endpoint` within `timeout_s` seconds. Returns the transport and the protocol.

    `tls` is needed for mbaps and refused elsewhere, so that a plain connection is never taken for an encrypted one. Raises
    Unreachable; ConfigError for an endpoint that cannot be dialled at all.
    """
    check_dialling(endpoint, tls)
    call = _DialRequest(endpoint, protocol_factory, tls, timeout_s)
    with failures_explained(endpoint, timeout_s):
        async with asyncio.timeout(timeout_s):
            return await _DIALLERS[endpoint.scheme](call)


@dataclass(frozen=True, slots=True)
class _DialRequest(Generic[_P]):
    endpoint: Endpoint
    protocol_factory: Callable[[], _P]
    tls: ssl.SSLContext | None
    timeout_s: float


def check_dialling(endpoint: Endpoint, tls: ssl.SSLContext | None) -> None:
    """Raise what `dial` raises for an endpoint that cannot be dialled, or not with this TLS context."""
    if endpoint.scheme is Scheme.RELAY:
        raise ConfigError(f"{endpoint}: this version has no relay yet", hint="use mbaps:// or ssh+tcp://")
    if not endpoint.scheme.is_serial and not (endpoint.host and endpoint.port):
        raise ConfigError(f"{endpoint} can be listened on but not dialled", hint="name the host and the port")
    if endpoint.scheme is not Scheme.MBAPS:
        # Refused, not ignored: otherwise a plain connection could be taken for an encrypted one.
        if tls is not None:
            raise ConfigError(f"{endpoint} is not mbaps, so the certificates mean nothing", hint="use mbaps://")
        return
    if tls is None:
        raise ConfigError(f"{endpoint} needs a certificate", hint="give certificate, key and trust")
    if tls.verify_mode is not ssl.CERT_REQUIRED or not tls.check_hostname:
        raise LocalError("this TLS context does not verify the server; use build_client_context")


@contextlib.contextmanager
def failures_explained(endpoint: Endpoint, timeout_s: float) -> Iterator[None]:
    """Turn every way in which dialling fails into Unreachable with one sentence."""
    try:
        yield
    except TimeoutError as error:
        raise Unreachable(f"{endpoint} cannot be reached: no answer within {timeout_s:g} s") from error
    except socket.gaierror as error:
        raise Unreachable(f'{endpoint} cannot be reached: there is no host "{endpoint.host}"') from error
    except ssl.SSLError as error:
        reason = explain_tls_error(error) + _name_hint(endpoint, error)
        raise Unreachable(f"{endpoint} cannot be reached: TLS failed: {reason}") from error
    except ModuleNotFoundError as error:
        extra = "serial" if endpoint.scheme.is_serial else "ssh"
        hint = f'pip install "sealbus[{extra}]"'
        raise ConfigError(f"{endpoint} needs {error.name}, which is not installed", hint=hint) from error
    except Unreachable:
        raise
    except OSError as error:
        raise Unreachable(f"{endpoint} cannot be reached: {_reason(error)}") from error


def _name_hint(endpoint: Endpoint, error: ssl.SSLError) -> str:
    """How to dial a server whose certificate is for another name. The names are the peer's claim: the reader decides."""
    names = [one for one in getattr(error, "names", ()) if "*" not in one] if isinstance(error, WrongHostError) else []
    for name in names:
        with contextlib.suppress(SealbusError):
            url = parse_endpoint(str(replace(endpoint, certificate_name=name)))
            return f"; it must name {endpoint.server_name}, or, if that is the device you mean, write {url}"
    return ""


async def _dial_tcp(call: _DialRequest[_P]) -> tuple[asyncio.Transport, _P]:
    protocol = call.protocol_factory()
    sock = await connect_socket(call.endpoint.address or call.endpoint.host, call.endpoint.port)
    # From its first await on, create_connection owns the socket and closes it when it fails.
    return await asyncio.get_running_loop().create_connection(lambda: protocol, sock=sock)


async def _dial_mbaps(call: _DialRequest[_P]) -> tuple[asyncio.Transport, _P]:
    protocol = call.protocol_factory()
    sock = await connect_socket(call.endpoint.address or call.endpoint.host, call.endpoint.port)
    with alerts_to(sock):
        return await asyncio.get_running_loop().create_connection(
            lambda: protocol,
            sock=sock,
            ssl=call.tls,
            server_hostname=call.endpoint.server_name,
            ssl_handshake_timeout=call.timeout_s,
            ssl_shutdown_timeout=CLOSE_NOTIFY_S,
        )


async def _dial_serial(call: _DialRequest[_P]) -> tuple[asyncio.Transport, _P]:
    from sealbus.transport.serial_port import open_serial  # pyserial is an extra

    return await open_serial(call.endpoint, call.protocol_factory)


async def _dial_ssh(call: _DialRequest[_P]) -> tuple[asyncio.Transport, _P]:
    from sealbus.transport.ssh_forward import open_forward  # asyncssh is an extra, and slow to import

    return await open_forward(call.endpoint, call.protocol_factory)


def _reason(error: OSError) -> str:
    if error.errno:
        return _REASONS.get(error.errno) or os.strerror(error.errno)
    return str(error) or "the other side closed the connection during the handshake; is its port plain Modbus (tcp://)?"


_DIALLERS: Mapping[Scheme, Callable[[_DialRequest[_P]], Awaitable[tuple[asyncio.Transport, _P]]]] = {
    Scheme.TCP: _dial_tcp,
    Scheme.RTU_TCP: _dial_tcp,
    Scheme.MBAPS: _dial_mbaps,
    Scheme.RTU: _dial_serial,
    Scheme.ASCII: _dial_serial,
    Scheme.SSH_TCP: _dial_ssh,
}
