"""The folder of the demonstration: an authority, four certificates, gateway.toml and policy.toml.

Each file is made when it is missing and left alone when it exists: the user may edit all of them. Two things change on
their own: a certificate that soon expires is issued again, and the ports in gateway.toml follow the options when they
are given. The keys are generated here and exist in this folder only.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sealbus.cli.demonstration_files import GATEWAY_TOML, POLICY_TOML
from sealbus.durable_files import PUBLIC, lock_file, write_atomically
from sealbus.errors import ConfigError
from sealbus.security import Authority, Identity, KeyFiles, expiries_of
from sealbus.simulation import DEFAULT_PORT, device_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["WEB_PORT", "Demonstration", "Ports", "locked_folder", "prepare"]

_HOST = "127.0.0.1"
_MBAPS_PORT = 8802
WEB_PORT = 8000
"""Port of the site on loopback when no option gives another."""

_CERTIFICATES = (
    ("gateway", None, ("localhost", "127.0.0.1", "::1")),
    ("viewer", "Viewer", ()),
    ("operator", "Operator", ()),
    ("collector", "Collector", ()),
)
_URL = re.compile(r'^(\s*url\s*=\s*"(mbaps|tcp)://127\.0\.0\.1:)([0-9]{1,5})(?=")', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports given as options; None keeps those of the folder."""

    mbaps: int | None = None
    plant: int | None = None
    web: int | None = None


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A folder that is ready to run, and its ports."""

    folder: Path
    mbaps_port: int
    plant_port: int
    web_port: int

    @property
    def url(self) -> str:
        """Endpoint URL of the gateway."""
        return f"mbaps://{_HOST}:{self.mbaps_port}"

    @property
    def authority(self) -> Path:
        """The folder of the authority."""
        return self.folder / "ca"

    @property
    def gateway_file(self) -> Path:
        """The configuration of the gateway."""
        return self.folder / "gateway.toml"

    @property
    def policy_file(self) -> Path:
        """The policy of the gateway."""
        return self.folder / "policy.toml"

    @property
    def records(self) -> Path:
        """The record folder of the gateway."""
        return self.folder / "records"

    def certificate(self, name: str) -> Path:
        """The certificate of the gateway, the viewer or the operator."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """The key of that certificate."""
        return self.folder / f"{name}.key"


@contextmanager
def locked_folder(folder: Path, *, what: str) -> Iterator[None]:
    """Make the folder and lock it for `what`. Raises ConfigError if it is locked already or cannot be made."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = lock_file(folder / ".lock")
    except BlockingIOError:
        raise ConfigError(
            f"{what} runs here already", file=str(folder), hint="stop it, or name another folder with --home"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"cannot be used: {error.strerror}", file=str(folder), hint="name another folder with --home"
        ) from None
    try:
        yield
    finally:
        os.close(lock)


def prepare(folder: Path, ports: Ports, announce: Callable[[str], None]) -> Demonstration:
    """Make the missing files in `folder` and check that the ports are free. Raises ConfigError."""
    text = _gateway_text(folder / "gateway.toml", ports)
    used = _ports_in(text)
    demonstration = Demonstration(folder, used["mbaps"][0], used["tcp"][0], ports.web or WEB_PORT)
    _check_free([demonstration.mbaps_port], "--mbaps-port")
    _check_free([demonstration.web_port], "--web-port")
    _check_free(device_ports(demonstration.plant_port), "--plant-port")
    _make_certificates(demonstration, announce)
    _lend_identity(demonstration)
    _write(demonstration.gateway_file, text)
    if not demonstration.policy_file.exists():
        _write(demonstration.policy_file, POLICY_TOML)
    return demonstration


def _gateway_text(file: Path, ports: Ports) -> str:
    """The text of gateway.toml, with the ports given as options."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = GATEWAY_TOML
        ports = Ports(ports.mbaps or _MBAPS_PORT, ports.plant or DEFAULT_PORT)
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            "cannot be read", file=str(file), hint="remove the file; the next start writes a new one"
        ) from None
    found = _ports_in(text)
    if not found["mbaps"] or not found["tcp"]:
        raise ConfigError(
            "the listener or the devices of the demonstration are not on 127.0.0.1",
            file=str(file),
            hint='write url = "mbaps://127.0.0.1:PORT" and url = "tcp://127.0.0.1:PORT", or remove the file',
        )
    first = {"mbaps": (found["mbaps"][0], ports.mbaps), "tcp": (found["tcp"][0], ports.plant)}

    def moved(match: re.Match[str]) -> str:
        old, new = first[match[2]]
        return match[1] + str(int(match[3]) + (0 if new is None else new - old))

    return _URL.sub(moved, text)


def _ports_in(text: str) -> dict[str, list[int]]:
    ports: dict[str, list[int]] = {"mbaps": [], "tcp": []}
    for match in _URL.finditer(text):
        ports[match[2]].append(int(match[3]))
    return ports


def _check_free(ports: list[int], option: str) -> None:
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError as error:
                raise ConfigError(
                    f"port {port} on {_HOST} cannot be used: {error.strerror}",
                    key=option,
                    hint=f"name a free one, for example {option} {port + 10}",
                ) from None


def _make_certificates(demonstration: Demonstration, announce: Callable[[str], None]) -> None:
    if (demonstration.authority / "ca.crt").exists():
        authority = Authority.open(demonstration.authority)
    else:
        announce("making a certificate authority")
        authority = Authority.create(demonstration.authority, f"Sealbus demonstration {secrets.token_hex(3)}")
    for name, role, hosts in _CERTIFICATES:
        if not _is_good(demonstration, name, authority):
            announce(f"issuing a certificate for the {name}")
            authority.issue(name, role=role, hosts=hosts, files=KeyFiles(directory=demonstration.folder))


def _lend_identity(demonstration: Demonstration) -> None:
    """Link certificate, key, trust and revocation list into the identities folder of the collector."""
    folder = demonstration.folder / "identities" / "collector"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, file in (
        ("certificate.pem", demonstration.certificate("collector")),
        ("key.pem", demonstration.key("collector")),
        ("trust.pem", demonstration.authority / "ca.crt"),
        ("crl.pem", demonstration.authority / "ca.crl"),
    ):
        link = folder / name
        if not link.is_symlink() and not link.exists():
            link.symlink_to(os.path.relpath(file, folder))


def _is_good(demonstration: Demonstration, name: str, authority: Authority) -> bool:
    try:
        identity = Identity.load(demonstration.certificate(name), demonstration.key(name))
    except ConfigError:
        return False
    now = datetime.now(UTC)
    return identity.pairs[0].chain[-1] == authority.root and not any(one.is_near(now) for one in expiries_of(identity))


def _write(file: Path, text: str) -> None:
    """Replace the file atomically; leave it untouched if the text is the same."""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    write_atomically(file, text.encode(), mode=PUBLIC, replace=True)
