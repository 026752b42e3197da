"""Endpoint URLs: text in, an Endpoint or a ConfigError that says what to write instead.

Strict on purpose. An ignored misspelt option would show up as a parity error on the line, and a password in a URL would
end up in logs, process lists and backups, so it is refused.

Port 0 and an empty host mean "any" for a listener and are invalid for dialling, so the caller states the purpose.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sealbus.endpoints.endpoint import Endpoint, Parity, Scheme, SerialLine, SshForward
from sealbus.endpoints.hosts import canonical_host
from sealbus.endpoints.url_parts import EXAMPLES, host_and_port, is_number, split_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealbus.endpoints.url_parts import UrlParts

__all__ = ["parse_endpoint"]

_BAUD = range(50, 4_000_001)
_SITE = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def parse_endpoint(url: str, *, listening: bool = False) -> Endpoint:
    """Parse an endpoint URL. Raises ConfigError with the problem and what to write instead.

    With `listening`, the URL is for a listener: port 0 (any free one) and an empty host (all addresses) are
    allowed, and schemes that only dial are not.
    """
    parts = split_url(url, listening=listening)
    endpoint = _PARSERS[parts.scheme](parts)
    if listening and not endpoint.serves:
        raise parts.error(f"{parts.scheme} can only dial", hint=f"listen on {EXAMPLES[Scheme.MBAPS]}")
    if parts.options:
        raise parts.unknown_option(next(iter(parts.options)), ())
    return endpoint


# One parser for each scheme.


def _tcp(parts: UrlParts) -> Endpoint:
    _refuse_path(parts)
    host, port = host_and_port(parts, parts.authority, default_port=parts.scheme.default_port)
    return Endpoint(scheme=parts.scheme, host=host, port=port)


def _mbaps(parts: UrlParts) -> Endpoint:
    _refuse_path(parts)
    host, port = host_and_port(parts, parts.authority, default_port=parts.scheme.default_port)
    written = parts.take("name").get("name", "") if not parts.listening else ""
    name = canonical_host(written)
    if written and (not name or ":" in name):
        raise parts.error(f'"{written}" is not a host name', hint="write name=plant.example")
    return Endpoint(scheme=parts.scheme, host=host, port=port, certificate_name=name)


def _relay(parts: UrlParts) -> Endpoint:
    host, port = host_and_port(parts, parts.authority, default_port=parts.scheme.default_port)
    site = unquote(parts.path.removeprefix("/"))
    if not _SITE.fullmatch(site):
        raise parts.error("the site must consist of letters, digits, - and _")
    return Endpoint(scheme=parts.scheme, host=host, port=port, site=site)


def _serial(parts: UrlParts) -> Endpoint:
    device = unquote(parts.path)
    if parts.authority:
        guess = parts.authority.removeprefix("dev") + parts.path
        raise parts.error(
            "a serial device needs its absolute path", hint=f"write {parts.scheme}:///dev/{guess.strip('/')}"
        )
    if device.strip("/") in ("", "dev"):
        raise parts.error("the serial device is missing")
    _refuse_unseen(parts, device)
    given = parts.take("baud", "parity", "stop", "bytesize")
    parity = Parity(_choice(parts, "parity", given.get("parity", "E"), tuple(Parity)))
    # MODBUS over Serial Line V1.02, 2.5.1: without a parity bit a second stop bit takes its place
    stop_bits = _choice(parts, "stop", given.get("stop", "2" if parity is Parity.NONE else "1"), ("1", "2"))
    is_ascii = parts.scheme is Scheme.ASCII
    data_bits = _choice(parts, "bytesize", given.get("bytesize", "7" if is_ascii else "8"), ("7", "8"))
    if data_bits == "7" and not is_ascii:
        raise parts.error("RTU needs 8 data bits", hint="leave out bytesize, or use ascii://")
    baud = given.get("baud", "19200")
    if not is_number(baud) or int(baud) not in _BAUD:
        raise parts.error(f'"{baud}" is not a speed', hint=f"write baud=19200 ({_BAUD[0]} to {_BAUD[-1]})")
    line = SerialLine(device=device, baud=int(baud), parity=parity, stop_bits=int(stop_bits), data_bits=int(data_bits))
    return Endpoint(scheme=parts.scheme, line=line)


def _ssh(parts: UrlParts) -> Endpoint:
    if not parts.user:
        raise parts.error("the user name for the SSH server is missing")
    host, port = host_and_port(parts, parts.authority, default_port=parts.scheme.default_port)
    target_host, target_port = host_and_port(parts, parts.path.removeprefix("/").removesuffix("/"), default_port=502)
    given = parts.take("known_hosts", "key")
    for text in (parts.user, *given.values()):
        _refuse_unseen(parts, text)
    forward = SshForward(
        user=parts.user,
        target_host=target_host,
        target_port=target_port,
        known_hosts=given.get("known_hosts", ""),
        key=given.get("key", ""),
    )
    return Endpoint(scheme=parts.scheme, host=host, port=port, forward=forward)


_PARSERS: Mapping[Scheme, Callable[[UrlParts], Endpoint]] = {
    Scheme.TCP: _tcp,
    Scheme.MBAPS: _mbaps,
    Scheme.RTU: _serial,
    Scheme.ASCII: _serial,
    Scheme.RTU_TCP: _tcp,
    Scheme.RELAY: _relay,
    Scheme.SSH_TCP: _ssh,
}


def _refuse_path(parts: UrlParts) -> None:
    if parts.path.strip("/"):
        hint = f"write {parts.scheme}://{parts.authority}" + (
            "; the unit id is a setting of its own" if parts.path[1:].isdigit() else ""
        )
        raise parts.error(f'{parts.scheme} URLs have no path, and "{parts.path}" is one', hint=hint)


def _refuse_unseen(parts: UrlParts, text: str) -> None:
    """Refuse characters that do not print, NUL above all: no path or name has them."""
    if not text.isprintable():
        raise parts.error(f"{text!a} contains a character that does not print", hint="remove it")


def _choice(parts: UrlParts, name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise parts.error(
            f'{name}="{value}" is not possible', hint=f"write {' or '.join(f'{name}={it}' for it in allowed)}"
        )
    return value
