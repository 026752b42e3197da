"""Modbus TCP behind an SSH server: one direct-tcpip channel (RFC 4254, 7.2) as an asyncio transport.

The server is always checked against a file of known host keys; this cannot be switched off. The user's ssh configuration is
not read: a `ProxyCommand` or a `UserKnownHostsFile none` there must not change what the URL says. Authentication is by key
only: the file that the URL names, or else the agent and the user's usual keys.

A connection carries one channel and lives as long as it. Keep-alive messages detect a lost server after a minute.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import asyncssh

from sealbus.endpoints import render_authority
from sealbus.errors import LocalError, Unreachable
from sealbus.transport.sockets import connect_socket
from sealbus.transport.ssh_transport import SshSession

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sealbus.endpoints import Endpoint, SshForward
    from sealbus.transport.ssh_transport import SshTransport

__all__ = ["open_forward"]

_KEEPALIVE_S = 15
_KEEPALIVES_MISSED = 3

_P = TypeVar("_P", bound=asyncio.Protocol)


async def open_forward(endpoint: Endpoint, protocol_factory: Callable[[], _P]) -> tuple[SshTransport, _P]:
    """Connect through the SSH server of an `ssh+tcp` endpoint. Raises Unreachable, or OSError where TCP itself fails.

    The caller sets the deadline by cancelling; nothing stays open then.
    """
    forward = endpoint.forward
    if forward is None:
        raise LocalError(f"{endpoint} is not an ssh+tcp endpoint")
    try:
        credentials = _load_credentials(forward)
    except (OSError, ValueError) as error:
        raise _failed(endpoint, _reason(error)) from error
    sock = await connect_socket(endpoint.address or endpoint.host, endpoint.port)
    connection = await _log_in(endpoint, forward, credentials, sock)
    try:
        return await _open_channel(forward, connection, protocol_factory)
    except BaseException as error:
        connection.abort()
        await connection.wait_closed()
        if isinstance(error, asyncssh.Error):
            raise _failed(endpoint, _channel_reason(forward, error)) from error
        raise


@dataclass(frozen=True, slots=True)
class _Credentials:
    known_hosts: asyncssh.SSHKnownHosts
    key: asyncssh.SSHKey | None


def _load_credentials(forward: SshForward) -> _Credentials:
    known_hosts = Path(forward.known_hosts or "~/.ssh/known_hosts").expanduser()
    key = Path(forward.key).expanduser() if forward.key else None
    return _Credentials(
        known_hosts=asyncssh.read_known_hosts(str(known_hosts)),
        key=asyncssh.read_private_key(str(key)) if key else None,
    )


async def _log_in(
    endpoint: Endpoint, forward: SshForward, credentials: _Credentials, sock: socket.socket
) -> asyncssh.SSHClientConnection:
    address = str(sock.getpeername()[0])
    proof: dict[str, Any] = {"client_keys": [credentials.key], "agent_path": None} if credentials.key else {}
    try:
        return await asyncssh.connect(
            endpoint.host,
            endpoint.port,
            sock=sock,
            config=None,
            username=forward.user,
            known_hosts=credentials.known_hosts,
            x509_trusted_certs=None,
            x509_trusted_cert_paths=[],
            preferred_auth="publickey",
            gss_host=None,
            keepalive_interval=_KEEPALIVE_S,
            keepalive_count_max=_KEEPALIVES_MISSED,
            **proof,
        )
    except BaseException as error:
        # asyncssh closes its transport when it fails; this closes the socket before asyncssh has one.
        sock.close()
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            known = asyncssh.match_known_hosts(credentials.known_hosts, endpoint.host, address, endpoint.port)
            raise _failed(endpoint, _host_key_reason(forward, is_known=any(known))) from error
        if isinstance(error, asyncssh.PermissionDenied):
            raise _failed(endpoint, f"the SSH server accepts none of our keys for user {forward.user}") from error
        if isinstance(error, (asyncssh.Error, ValueError)):
            raise _failed(endpoint, _reason(error)) from error
        raise


async def _open_channel(
    forward: SshForward, connection: asyncssh.SSHClientConnection, protocol_factory: Callable[[], _P]
) -> tuple[SshTransport, _P]:
    protocol = protocol_factory()
    loop = asyncio.get_running_loop()
    _, session = await connection.create_connection(
        lambda: SshSession(loop, connection, protocol), forward.target_host, forward.target_port
    )
    return cast("SshSession", session).transport, protocol


def _failed(endpoint: Endpoint, reason: str) -> Unreachable:
    return Unreachable(f"{endpoint} cannot be reached: {reason}")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, asyncssh.KeyImportError | asyncssh.KeyEncryptionError):
        return f"the key cannot be used: {error}; put an encrypted key into the ssh agent"
    return getattr(error, "reason", "") or str(error) or type(error).__name__


def _host_key_reason(forward: SshForward, *, is_known: bool) -> str:
    file = forward.known_hosts or "~/.ssh/known_hosts"
    if is_known:
        return (
            f"the host key of the SSH server is not the one in {file}: it was changed, or the connection is intercepted"
        )
    return f"the host key of the SSH server is not in {file}; compare it with the server, then add it"


def _channel_reason(forward: SshForward, error: asyncssh.Error) -> str:
    target = render_authority(forward.target_host, forward.target_port)
    if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
        return f"the SSH server does not allow a forward to {target}"
    return f"the SSH server cannot connect to {target}: {_reason(error)}"
