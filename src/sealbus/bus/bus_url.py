"""The URL of a bus: `local:` or `redis://user:password@host:6379/0`, and `rediss://` for TLS.

A client that can reach a Redis without a password, or read the password on the network, can fake live values and hints.
So a server off loopback needs TLS and a password, unless `unsafe_plain_redis` is set. Loopback is only what is written
as such (127.0.0.0/8, ::1, localhost): a name that resolves to loopback today may resolve elsewhere tomorrow. The text
of a URL never contains the password, and no error repeats a part of a URL that is wrong: it may be a piece of the
password in which a character was not percent-encoded.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from urllib.parse import unquote

from sealbus.endpoints import canonical_host
from sealbus.errors import ConfigError

__all__ = ["BusKind", "BusUrl", "parse_bus_url"]

_EXAMPLE = "write local: or rediss://user:password@host:6379/0"
_DEFAULT_PORT = 6379
_MAX_DATABASES = 1024
_UNSAFE_IN_URL = re.compile(r"[\x00-\x20\x7f]")
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")
_OPTIONS = ("trust", "unsafe_plain_redis")


class BusKind(Enum):
    """The engine that carries the messages."""

    LOCAL = "local"
    REDIS = "redis"


@dataclass(frozen=True, slots=True)
class BusUrl:
    """The address of the bus. The fields after `engine` are empty on a local bus.

    `trust` is a PEM file of authorities; without it those of the system are trusted.
    """

    kind: BusKind
    host: str = ""
    port: int = 0
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    trust: Path | None = None
    unsafe_plain_redis: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether the host is written as a loopback address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        """For display: without user, password and options."""
        if self.kind is BusKind.LOCAL:
            return "local:"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{host}:{self.port}/{self.database}"


def parse_bus_url(text: str) -> BusUrl:
    """Raises ConfigError, with a hint, for an invalid URL and for a Redis that anyone could use."""
    if _UNSAFE_IN_URL.search(text):
        raise ConfigError("the bus URL contains a space or control character", hint="percent-encode or remove it")
    scheme, colon, rest = text.partition(":")
    if scheme == "local" and colon:
        if rest:
            raise ConfigError("local: takes no path", hint="write local: and set the folder separately")
        return BusUrl(BusKind.LOCAL)
    if scheme not in ("redis", "rediss") or not rest.startswith("//"):
        raise ConfigError("not a bus URL", hint=_EXAMPLE)
    url = _parse_redis(scheme, rest[2:])
    _refuse_open(url)
    return url


def _parse_redis(scheme: str, rest: str) -> BusUrl:
    if "#" in rest:
        raise ConfigError("a bus URL has no #fragment", hint="percent-encode # as %23")
    location, _, query = rest.partition("?")
    userinfo, at, location = location.rpartition("@")
    if "/" in userinfo:
        raise ConfigError("the user or password in the bus URL contains /", hint="percent-encode / as %2F")
    if "@" in query:
        raise ConfigError("the password in the bus URL contains ?, or an option contains @", hint="percent-encode them")
    authority, _, path = location.partition("/")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise ConfigError("the bus URL has no host, or what follows it is not a port", hint=_EXAMPLE)
    written = (found["host"] or _ipv6(found["six"])).lower()
    host = canonical_host(written) or written
    user, _, password = userinfo.partition(":")
    if at and not password:
        raise ConfigError("the bus URL has a user without a password", hint="write redis://user:password@host")
    options = _parse_options(query)
    return BusUrl(
        BusKind.REDIS,
        host=host,
        port=_number(found["port"] or str(_DEFAULT_PORT), "port", 1, 65535),
        tls=scheme == "rediss",
        user=unquote(user),
        password=unquote(password),
        database=_number(path or "0", "database", 0, _MAX_DATABASES - 1),
        trust=_trust_file(options.get("trust"), tls=scheme == "rediss"),
        unsafe_plain_redis=_switch(options.get("unsafe_plain_redis")),
    )


def _ipv6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise ConfigError("the bus URL has brackets without an IPv6 address", hint="write it as [::1]") from None


def _parse_options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for item in query.split("&") if query else []:
        name, _, value = item.partition("=")
        if name not in _OPTIONS:
            raise ConfigError(
                "the bus URL has an unknown option", hint=f"use {' or '.join(_OPTIONS)}, or percent-encode ?"
            )
        if not value or name in options:
            raise ConfigError(
                f'the option "{name}" of the bus URL has no value, or is given twice', hint=f"write {name}=value, once"
            )
        options[name] = unquote(value)
    return options


def _number(text: str, what: str, low: int, high: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 6 or not low <= int(text) <= high:
        raise ConfigError(f"the {what} in the bus URL is wrong", hint=f"write a {what} from {low} to {high}")
    return int(text)


def _trust_file(text: str | None, *, tls: bool) -> Path | None:
    if text is None:
        return None
    if not tls:
        raise ConfigError("trust= needs TLS", hint="write rediss://")
    if not Path(text).is_absolute():
        raise ConfigError(f"trust={text} is a relative path", hint="write the absolute path")
    if not Path(text).is_file():
        raise ConfigError("there is no such file", file=text, hint="name a PEM file of the authorities to trust")
    return Path(text)


def _switch(text: str | None) -> bool:
    if text not in (None, "0", "1"):
        raise ConfigError("unsafe_plain_redis must be 1 or 0", hint="leave it out, or write 1")
    return text == "1"


def _refuse_open(url: BusUrl) -> None:
    if url.is_loopback or url.unsafe_plain_redis:
        return
    hint = "; or write unsafe_plain_redis=1 if only Sealbus can reach that network"
    if not url.tls:
        raise ConfigError(f'"{url}" would send password and values unencrypted', hint=f"write rediss://{hint}")
    if not url.password:
        raise ConfigError(f'"{url}" has no password', hint=f"write rediss://user:password@{url.host}{hint}")
