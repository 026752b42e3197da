"""A URL split at its separators, and the errors that name it.

`urllib.parse` only decodes percent signs here: its splitter drops tabs and newlines and guesses schemes, which hides
mistakes. The URL in an error has no query and no password.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sealbus.endpoints.endpoint import Scheme
from sealbus.endpoints.hosts import canonical_host
from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EXAMPLES", "UrlParts", "host_and_port", "is_number", "split_url"]

EXAMPLES = {
    Scheme.TCP: "tcp://host:502",
    Scheme.MBAPS: "mbaps://host:802",
    Scheme.RTU: "rtu:///dev/ttyUSB0?baud=19200&parity=E&stop=1",
    Scheme.ASCII: "ascii:///dev/ttyUSB0?baud=19200&parity=E&stop=1",
    Scheme.RTU_TCP: "rtu+tcp://host:4001",
    Scheme.RELAY: "relay://relay-host:443/site",
    Scheme.SSH_TCP: "ssh+tcp://user@bastion:22/host:502",
}

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_AUTHORITY = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*))(?::([^:]*))?")
_UNSAFE_IN_URL = re.compile(r"[\x00-\x20\x7f-\x9f\ud800-\udfff]")
_ALSO_CALLED = {
    "modbus": "tcp",
    "modbus+tcp": "tcp",
    "tls": "mbaps",
    "modbuss": "mbaps",
    "serial": "rtu",
    "ssh": "ssh+tcp",
}
_MAX_DIGITS = 20
_SECRETS = frozenset({"password", "passphrase", "pass", "pwd", "secret"})


@dataclass(frozen=True, slots=True)
class UrlParts:
    """A URL split at its separators. Parsers take their options out of `options`; the rest is unknown."""

    shown: str
    scheme: Scheme
    user: str
    authority: str
    path: str
    options: dict[str, str]
    listening: bool

    def error(self, problem: str, *, hint: str = "") -> ConfigError:
        return ConfigError(f'"{self.shown}": {problem}', hint=hint or f"write {EXAMPLES[self.scheme]}")

    def unknown_option(self, name: str, known: tuple[str, ...]) -> ConfigError:
        if name.lower() in _SECRETS:
            return self.error("a URL must not contain a secret", hint="use key=FILE or the ssh agent")
        if not known:
            return self.error(f'{self.scheme} has no option "{name}"', hint=f'leave out "{name}"')
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f'did you mean "{nearest[0]}"?' if nearest else f"the options are {', '.join(known)}"
        return self.error(f'unknown option "{name}"', hint=hint)

    def take(self, *known: str) -> Mapping[str, str]:
        """The options, all of which must be among `known`."""
        for name in self.options:
            if name not in known:
                raise self.unknown_option(name, known)
        taken = dict(self.options)
        self.options.clear()
        return taken


def split_url(url: str, *, listening: bool) -> UrlParts:
    """Split `url` at its separators. Raises ConfigError for parts that no endpoint URL may have, such as a password."""
    if bad := _UNSAFE_IN_URL.search(url):
        raise ConfigError(f"an endpoint URL must not contain {bad[0]!r}", hint="percent-encode it or remove it")
    scheme_text, separator, rest = url.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme_text):
        raise _no_scheme(url)
    location, _, query = rest.partition("?")
    authority, slash, path = location.partition("/")
    userinfo, has_user, authority = authority.rpartition("@")
    user, has_password, _ = userinfo.partition(":")
    before, at, after = location.rpartition("@")
    if at and ":" in before and "/" in before:
        shown = f"{scheme_text}://{after}"  # without what may be a password with a slash in it
        raise ConfigError(f'"{shown}": a URL must not contain a password', hint="use key=FILE or the ssh agent")
    shown = f"{scheme_text}://{user}{has_user}{authority}{slash}{path}"
    scheme = _scheme(scheme_text, shown, rest=f"{authority}{slash}{path}")
    parts = UrlParts(shown, scheme, unquote(user), authority, slash + path, {}, listening)
    if has_password:
        raise parts.error("a URL must not contain a password", hint="use key=FILE or the ssh agent")
    if "#" in rest:
        raise parts.error("an endpoint has no #fragment", hint="percent-encode # as %23")
    if has_user and scheme is not Scheme.SSH_TCP:
        raise parts.error(f"{scheme} takes no user name", hint=f"write {scheme}://{authority}{slash}{path}")
    parts.options.update(_options(parts, query))
    return parts


def _no_scheme(url: str) -> ConfigError:
    shown = url.partition("?")[0].rpartition("@")[2]
    if shown.startswith(("/dev/", "rtu:/dev/")):
        return ConfigError(f'"{shown}" has no scheme', hint=f"write rtu://{shown.removeprefix('rtu:')}")
    rest = shown.lstrip(":/") or "host"
    return ConfigError(f'"{shown}" has no scheme', hint=f"write mbaps://{rest}, or tcp://{rest} for plain Modbus")


def _scheme(text: str, shown: str, *, rest: str) -> Scheme:
    try:
        return Scheme(text.lower())
    except ValueError:
        nearest = difflib.get_close_matches(text.lower(), list(Scheme), n=1, cutoff=0.7)
        meant = _ALSO_CALLED.get(text.lower()) or (nearest[0] if nearest else "")
        hint = f"write {meant}://{rest}" if meant else f"the schemes are {', '.join(Scheme)}"
        raise ConfigError(f'"{shown}": unknown scheme "{text}"', hint=hint) from None


def _options(parts: UrlParts, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for item in query.split("&") if query else []:
        name, _, value = item.partition("=")
        if not name or not value:
            raise parts.error("an option without a name or a value", hint="write name=value, joined by &")
        if name in options:
            raise parts.error(f'the option "{name}" is given twice', hint="give it once")
        options[name] = unquote(value)
    return options


def host_and_port(parts: UrlParts, text: str, *, default_port: int | None) -> tuple[str, int]:
    """The host and port in `text`: a name, an IPv4 address, or an IPv6 address in brackets."""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        if _is_ipv6(text):
            raise parts.error("an IPv6 address needs brackets", hint=parts.shown.replace(text, f"[{text}]", 1))
        raise parts.error(f'"{text}" is not host:port')
    bracketed, plain, port_text = found.groups()
    host = _host(parts, bracketed, plain)
    if port_text is None:
        if default_port is None:
            raise parts.error("the port is missing, and this scheme has no default")
        return host, default_port
    if not is_number(port_text) or int(port_text) > 65535:
        raise parts.error(f'"{port_text}" is not a port', hint="a port is a number from 1 to 65535")
    if port_text.strip("0") == "" and not parts.listening:
        raise parts.error("port 0 is for listeners only", hint="write the port of the device")
    return host, int(port_text)


def _host(parts: UrlParts, bracketed: str | None, plain: str | None) -> str:
    if bracketed is not None:
        address = bracketed.replace("%25", "%")
        if not _is_ipv6(address):
            raise parts.error(f'"[{bracketed}]" is not an IPv6 address', hint="write it as [::1]")
        return canonical_host(address)
    written = unquote(plain or "")
    if not written:
        if parts.listening:
            return ""
        raise parts.error("the host is missing")
    host = canonical_host(written)
    if not host or ":" in host:
        raise parts.error(f'"{written}" is neither a host name nor an address')
    return host


def is_number(text: str) -> bool:
    """Whether `text` is a number of ASCII digits, short enough for `int`."""
    return text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
