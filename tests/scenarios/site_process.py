"""`sealbus web serve` as a program, in a state folder of its own, and raw connections to it.

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

from ports import free_ports
from scenarios.programs import Program, Programs, run, sealbus
from web import site_with_limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenarios.programs import Done
    from sealbus.web.config.limits import ServerLimits

__all__ = ["SiteProcess", "open_site", "read_to_the_end", "read_until", "refused_start"]

_PATIENCE_S = 15.0
_START_S = 40.0
_ROOT = Path(__file__).resolve().parents[2]


@dataclass
class SiteProcess:
    """A running site. `trust` is what its certificate leads to, None where it is plain."""

    home: Path
    port: int
    program: Program
    trust: Path | None

    @property
    def url(self) -> str:
        return f"{'https' if self.trust else 'http'}://127.0.0.1:{self.port}"

    def get(self, path: str, method: str = "GET", **options: Any) -> httpx.Response:
        """One request over a connection of its own."""
        verify: Any = ssl.create_default_context(cafile=self.trust) if self.trust else True
        with httpx.Client(verify=verify, timeout=_PATIENCE_S) as client:
            return client.request(method, f"{self.url}{path}", **options)

    def connect(self) -> socket.socket:
        """A bare connection; with TLS where the site has it."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_S)
        if self.trust is None:
            return plain
        return ssl.create_default_context(cafile=self.trust).wrap_socket(plain, server_hostname="127.0.0.1")

    def send(self, data: bytes) -> bytes:
        """All that comes back for these bytes until the site hangs up."""
        with self.connect() as wire:
            wire.sendall(data)
            return read_to_the_end(wire)


def read_to_the_end(wire: socket.socket) -> bytes:
    """What comes until the other side hangs up."""
    heard = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := wire.recv(65536):
            heard += piece
    return heard


def read_until(wire: socket.socket, expected: bytes) -> bytes:
    """What comes until this has come, in however many pieces."""
    heard = b""
    while expected not in heard:
        piece = wire.recv(65536)
        assert piece, heard
        heard += piece
    return heard


@contextlib.contextmanager
def open_site(
    folder: Path, *, https: bool = False, limits: ServerLimits | None = None, **variables: str
) -> Iterator[SiteProcess]:
    """Start a site, and end it. PORT in a variable is the port. With `limits` it has these deadlines."""
    home, port = folder / "home", free_ports(1)
    if https:
        variables.setdefault("SEALBUS_PUBLIC_URL", "https://127.0.0.1:PORT")
    trust = home / "web-tls" / "ca.crt" if https else None
    with Programs() as programs:
        program = programs.start("site", *_command(home, f"127.0.0.1:{port}", variables, port, limits))
        program.wait_for("^listening on ", within_s=_START_S)
        yield SiteProcess(home, port, program, trust)


def refused_start(folder: Path, listen: str = "", **variables: str) -> Done:
    """A start that does not come up, with what it said."""
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
