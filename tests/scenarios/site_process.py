"""`sealbus web serve` as a program with its own state folder, and raw connections to it.

with open_site(tmp_path, SEALBUS_PUBLIC_URL="https://127.0.0.1:PORT") as site:
    assert site.get("/health/live").status_code == 200
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ports import free_ports
from scenarios.programs import Program, Programs, run, sealbus
from web import site_with_limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenarios.programs import Done
    from sealbus.web.config.limits import ServerLimits

__all__ = ["SiteProcess", "open_site", "read_to_the_end", "read_until", "refused_start"]

_PATIENCE_S = 15.0
_START_S = 90.0
_TRIES = 5
_ROOT = Path(__file__).resolve().parents[2]


@dataclass
class SiteProcess:
    """A running site. `trust` is the root of its certificate, None for plain HTTP."""

    home: Path
    port: int
    program: Program
    trust: Path | None

    @property
    def url(self) -> str:
        return f"{'https' if self.trust else 'http'}://127.0.0.1:{self.port}"

    def get(self, path: str, method: str = "GET", **options: Any) -> httpx.Response:
        """Send one request over a new connection."""
        verify: Any = ssl.create_default_context(cafile=self.trust) if self.trust else True
        with httpx.Client(verify=verify, timeout=_PATIENCE_S) as client:
            return client.request(method, f"{self.url}{path}", **options)

    def connect(self, *, receive_bytes: int | None = None) -> socket.socket:
        """Open a raw connection, with TLS if the site has it. `receive_bytes`: what the system keeps of unread answers."""
        plain = socket.socket()
        plain.settimeout(_PATIENCE_S)
        if receive_bytes is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)  # before it connects
        plain.connect(("127.0.0.1", self.port))
        if self.trust is None:
            return plain
        return ssl.create_default_context(cafile=self.trust).wrap_socket(plain, server_hostname="127.0.0.1")

    def send(self, data: bytes) -> bytes:
        """Send these bytes and return all bytes received until the site closes the connection."""
        with self.connect() as wire:
            wire.sendall(data)
            return read_to_the_end(wire)


def read_to_the_end(wire: socket.socket) -> bytes:
    """All bytes until the other side closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := wire.recv(65536):
            received += piece
    return received


def read_until(wire: socket.socket, expected: bytes) -> bytes:
    """All bytes until `expected` was received."""
    received = b""
    while expected not in received:
        piece = wire.recv(65536)
        assert piece, received
        received += piece
    return received


@contextlib.contextmanager
def open_site(
    folder: Path, *, https: bool = False, limits: ServerLimits | None = None, **variables: str
) -> Iterator[SiteProcess]:
    """Start a site and stop it at the end. PORT in a variable is replaced by the port. `limits` replaces its deadlines."""
    home, port = folder / "home", free_ports(1)
    if https:
        variables.setdefault("SEALBUS_PUBLIC_URL", "https://127.0.0.1:PORT")
    trust = home / "web-tls" / "ca.crt" if https else None
    with Programs() as programs:
        for _ in range(_TRIES):
            program = programs.start("site", *_command(home, f"127.0.0.1:{port}", variables, port, limits))
            if "listening" in program.wait_for("^listening on |address already in use", within_s=_START_S)[0]:
                yield SiteProcess(home, port, program, trust)
                return
            port = free_ports(1)  # another program took it meanwhile
        pytest.fail(f"no port stayed free, the last was {port}")


def refused_start(folder: Path, listen: str = "", **variables: str) -> Done:
    """Try to start a site that must not start; return its status and output."""
    port = free_ports(1)
    return run(*_command(folder / "home", listen or f"127.0.0.1:{port}", variables, port), within_s=_START_S)


def _command(
    home: Path, listen: str, variables: dict[str, str], port: int, limits: ServerLimits | None = None
) -> list[str]:
    inherited = [f"-u{name}" for name in os.environ if name.startswith(("SEALBUS_", "DJANGO_"))]
    given = [f"{name}={value.replace('PORT', str(port))}" for name, value in variables.items()]
    if limits is None:
        return ["env", *inherited, *given, *sealbus("web", "serve", "--home", home, "--listen", listen)]
    given.append(f"PYTHONPATH={os.pathsep.join([str(_ROOT / 'src'), str(_ROOT / 'tests')])}")
    return ["env", *inherited, *given, *site_with_limits.command(home, listen, limits)]
