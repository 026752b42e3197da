"""The target of the forwarding: `syslog+tls://HOST:6514`, with trust and certificate. Does not import Django."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealbus.endpoints import canonical_host
from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SyslogTarget", "parse_syslog_target"]

_PORT = 6514  # RFC 5425
_KEY = "SEALBUS_SYSLOG_URL"


@dataclass(frozen=True, slots=True)
class SyslogTarget:
    """`trust` None: the authorities of this machine. The certificate is sent if the server asks for one."""

    host: str
    port: int = _PORT
    trust: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __str__(self) -> str:
        """The URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"syslog+tls://{host}:{self.port}"


def parse_syslog_target(
    url: str, *, trust: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> SyslogTarget | None:
    """None for an empty URL. Raises ConfigError for any other that is not syslog over TLS."""
    if not url:
        return None
    hint = "write syslog+tls://HOST or syslog+tls://HOST:6514"
    try:
        parts = urlsplit(url)
        host, port = canonical_host(parts.hostname or ""), parts.port or _PORT
    except ValueError:
        raise ConfigError("the host or the port is wrong", key=_KEY, hint=hint) from None
    if parts.scheme != "syslog+tls" or not host or parts.path.strip("/") or parts.username or parts.query:
        raise ConfigError("is not syslog over TLS to a host", key=_KEY, hint=hint)
    if (certificate is None) != (key is None):
        missing = "SEALBUS_SYSLOG_KEY" if key is None else "SEALBUS_SYSLOG_CERTIFICATE"
        raise ConfigError(
            "certificate and key belong together, only one is set", key=missing, hint="set both or neither"
        )
    return SyslogTarget(host, port, trust, certificate, key)
