"""The settings of the operator, read in one place. Every variable is `SEALBUS_*`; every secret may also be in a `*_FILE`.

No default is insecure. The key of the server is created if it is missing; a wrong value is a ConfigError that names the
variable and what to write. A value that weakens security has a name that begins with `unsafe_`.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sealbus.endpoints import canonical_host, is_loopback_address, render_authority
from sealbus.errors import ConfigError
from sealbus.time_zones import rules_of
from sealbus.web.accounts.single_sign_on.outbound import is_safe
from sealbus.web.audit.syslog_target import SyslogTarget, parse_syslog_target
from sealbus.web.config.databases import Database, parse_database

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KEY_FILE", "Environment", "OidcProvider", "Proxies", "load_environment"]

_SHORTEST_KEY = 32
KEY_FILE = "web-secret.key"
_CONTACT = re.compile(r"(mailto:[!-~]+@[!-~]+|https://[!-~]+|tel:[+0-9-]+)")


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks of trusted reverse proxies: their headers about the client are accepted."""

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    def contains(self, address: str) -> bool:
        """Whether this is a trusted proxy."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """The OpenID Connect provider for signing in."""

    name: str
    server_url: str
    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Environment:
    """All settings."""

    home: Path
    database: Database
    history: str = field(repr=False)
    """URL of the history store."""
    bus: str = field(repr=False)
    public_url: str
    listen_host: str
    listen_port: int
    tls_certificate: Path | None
    tls_key: Path | None
    trusted_proxies: Proxies
    secret_key: str = field(repr=False)
    time_zone: str
    oidc: OidcProvider | None
    syslog: SyslogTarget | None
    metrics: str
    """HOST:PORT on loopback for the Prometheus metrics; empty: none."""
    security_contact: str
    """A URI where a vulnerability of this site can be reported; empty: none."""

    @property
    def bus_folder(self) -> Path:
        """The folder of the sockets of a local bus."""
        return self.home / "bus"

    @property
    def bus_key(self) -> bytes:
        """The key of the MAC on the bus, for site and collector. It is derived: the secret key signs other things too."""
        return HKDF(SHA256(), 32, salt=None, info=b"sealbus bus frames").derive(self.secret_key.encode())

    @property
    def public_host(self) -> str:
        """The host of the public URL."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def is_https(self) -> bool:
        """Whether the public URL is HTTPS: here, or at a proxy."""
        return self.public_url.startswith("https://")


class _Variables:
    """The variables by name; `*_FILE` names a file that holds the value."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str, default: str = "") -> str:
        file = self._variables.get(f"{name}_FILE", "")
        value = self._variables.get(name, "")
        if file and value:
            raise ConfigError("is set twice", key=name, hint=f"set {name} or {name}_FILE, not both")
        if not file:
            return value or default
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigError(
                f"cannot be read: {reason}", file=file, key=f"{name}_FILE", hint="name a readable text file"
            ) from None

    def path(self, name: str) -> Path | None:
        value = self._variables.get(name, "")
        return Path(value) if value else None


def load_environment(variables: Mapping[str, str]) -> Environment:
    """All settings. Raises ConfigError for the first wrong one."""
    given = _Variables(variables)
    home = given.path("SEALBUS_HOME")
    if home is None:
        raise ConfigError(
            "is not set", key="SEALBUS_HOME", hint="name the state folder, or start with sealbus web --home"
        )
    home = home.absolute()
    database = parse_database(
        given.text("SEALBUS_DATABASE", f"sqlite:///{home / 'sealbus.sqlite3'}"), "SEALBUS_DATABASE"
    )
    host, port = _listen(given.text("SEALBUS_LISTEN", "127.0.0.1:8000"))
    public_url = _public_url(given.text("SEALBUS_PUBLIC_URL", f"http://127.0.0.1:{port}"))
    default_history = given.text("SEALBUS_DATABASE") if database.is_server else f"sqlite:///{home / 'history.sqlite3'}"
    return Environment(
        home=home,
        database=database,
        history=_history(given.text("SEALBUS_HISTORY", default_history)),
        bus=given.text("SEALBUS_BUS", "local:"),
        public_url=public_url,
        listen_host=host,
        listen_port=port,
        tls_certificate=given.path("SEALBUS_TLS_CERTIFICATE"),
        tls_key=given.path("SEALBUS_TLS_KEY"),
        trusted_proxies=_proxies(given.text("SEALBUS_TRUSTED_PROXIES")),
        secret_key=_secret_key(given, home),
        time_zone=_time_zone(given.text("SEALBUS_TIME_ZONE", "UTC")),
        oidc=_oidc(given),
        syslog=parse_syslog_target(
            given.text("SEALBUS_SYSLOG_URL"),
            trust=given.path("SEALBUS_SYSLOG_TRUST"),
            certificate=given.path("SEALBUS_SYSLOG_CERTIFICATE"),
            key=given.path("SEALBUS_SYSLOG_KEY"),
        ),
        metrics=_metrics(given.text("SEALBUS_METRICS")),
        security_contact=_security_contact(given.text("SEALBUS_SECURITY_CONTACT")),
    )


def _history(text: str) -> str:
    """The URL as libpq takes it. A server is checked as that of SEALBUS_DATABASE is, and errors repeat no part of it."""
    if not text.startswith(("postgresql:", "postgres:")):
        return text
    parse_database(text, "SEALBUS_HISTORY")
    parts = urlsplit(text)
    options = [each for each in parts.query.split("&") if each != "unsafe_plain_database=1"]
    return parts._replace(query="&".join(options)).geturl()


def _listen(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(
            f"{text!r} is not HOST:PORT", key="SEALBUS_LISTEN", hint="write HOST:PORT, for example 127.0.0.1:8000"
        )
    return host.strip("[]") or "127.0.0.1", int(port)


def _metrics(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if text and (not colon or not port.isdecimal() or not is_loopback_address(host.strip("[]"))):
        raise ConfigError(
            f"{text!r} is not HOST:PORT on loopback",
            key="SEALBUS_METRICS",
            hint="metrics are served without encryption: write 127.0.0.1:PORT",
        )
    return text


def _security_contact(text: str) -> str:
    if text and not _CONTACT.fullmatch(text):
        raise ConfigError(
            f"{text!r} is not a contact",
            key="SEALBUS_SECURITY_CONTACT",
            hint="write mailto:security@plant.example, https://... or tel:+...",
        )
    return text


def _public_url(text: str) -> str:
    if "@" in text:  # it is printed
        raise ConfigError(
            "has a user or a password", key="SEALBUS_PUBLIC_URL", hint="write https://HOST or https://HOST:PORT"
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = canonical_host(parts.hostname or "")
    if not host or parts.scheme not in ("http", "https") or parts.path.strip("/"):
        raise ConfigError(
            f"{text!r} is not the URL of a site",
            key="SEALBUS_PUBLIC_URL",
            hint="write https://HOST or https://HOST:PORT",
        )
    if port is None:
        return f"{parts.scheme}://[{host}]" if ":" in host else f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{render_authority(host, port)}"


def _proxies(text: str) -> Proxies:
    try:
        return Proxies(tuple(ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip()))
    except ValueError as error:
        raise ConfigError(
            str(error), key="SEALBUS_TRUSTED_PROXIES", hint="write addresses or networks separated by commas"
        ) from None


def _secret_key(given: _Variables, home: Path) -> str:
    """The key that is set, or one that is created at the first start and kept in the state folder, readable by the owner."""
    key = given.text("SEALBUS_SECRET_KEY")
    file = home / KEY_FILE
    if not key:
        try:
            key = file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            key = _make_key(file)
        except (OSError, UnicodeDecodeError):
            raise ConfigError(
                "cannot be read",
                file=str(file),
                hint="make it readable, or delete it: all users must sign in again then",
            ) from None
    if len(key) < _SHORTEST_KEY or len(set(key)) < 8:
        raise ConfigError(
            f"the key is too weak: it needs {_SHORTEST_KEY} characters, at least 8 different ones",
            key="SEALBUS_SECRET_KEY",
            hint="leave it out: a key is created at the first start",
        )
    return key


def _make_key(file: Path) -> str:
    import os

    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_urlsafe(48)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process created it at the same moment
        return file.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w") as opened:
        opened.write(key)
    return key


def _time_zone(name: str) -> str:
    try:
        rules_of(name)
    except KeyError:
        raise ConfigError(
            f"{name!r} is not a time zone", key="SEALBUS_TIME_ZONE", hint="write one like Europe/Berlin"
        ) from None
    return name


def _oidc(given: _Variables) -> OidcProvider | None:
    url = given.text("SEALBUS_OIDC_URL")
    if not url:
        return None
    values = {name: given.text(f"SEALBUS_OIDC_{name}") for name in ("CLIENT_ID", "SECRET")}
    for name, value in values.items():
        if not value:
            raise ConfigError(
                "is not set", key=f"SEALBUS_OIDC_{name}", hint="copy it from the registration at the provider"
            )
    if not is_safe(url, allows_loopback=True):
        raise ConfigError(
            f"{url!r} is not an https URL", key="SEALBUS_OIDC_URL", hint="write the provider's issuer, https://HOST/..."
        )
    return OidcProvider(given.text("SEALBUS_OIDC_NAME", "Single sign-on"), url, values["CLIENT_ID"], values["SECRET"])
