"""Who is at the other end of a connection, and does he ask this site? Looked at before Django sees the request.

A request names one host, which is ours: a page of somebody else cannot reach us under a name of its own, not even on
loopback. What a proxy says of its caller counts only from a declared proxy; from anybody else those headers are taken
out. Where the site stands behind proxies, nobody else is served, save a health check of this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http.request import split_domain_port, validate_host

from sealbus.web.config.exposure import Exposure, is_loopback_host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.web.config.environment import Proxies

__all__ = ["HostAndProxyPolicy", "Refusal"]

_PROXY_HEADERS = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"forwarded"}
)
_IDENTITY_PREFIXES = (b"x-ssl-", b"ssl-client-", b"x-client-cert", b"x-remote-user", b"remote-user")
_HEALTH = frozenset({"/health/live", "/health/ready"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Not to Django. `location` is set where the caller should come by HTTPS."""

    status: HTTPStatus
    reason: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class HostAndProxyPolicy:
    """The rules of one site."""

    exposure: Exposure
    hosts: Sequence[str]
    proxies: Proxies
    public_url: str

    def judge(self, scope: Any) -> Refusal | None:
        """None where the request may go on; then what a stranger says of himself is taken out of the scope."""
        peer = _unmapped((scope.get("client") or ("", 0))[0])
        is_proxy = self.proxies.contains(peer)
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        is_check = scope["path"] in _HEALTH and is_loopback_host(peer)
        if self.exposure is Exposure.BEHIND_PROXY and not is_proxy and not is_check:
            return Refusal(HTTPStatus.FORBIDDEN, "come through the proxy")
        if len(hosts) != 1 or not (self._is_ours(hosts[0]) or is_check):
            return Refusal(HTTPStatus.BAD_REQUEST, "not this host")
        if is_proxy:
            return self._ask_for_https(scope)
        kept = [(name, value) for name, value in scope["headers"] if not _speaks_for_others(name)]
        if is_check:  # it asks for this machine, whatever people call it
            kept = [(name, self.hosts[0].encode() if name == b"host" else value) for name, value in kept]
        scope["headers"] = kept
        return None

    def _is_ours(self, host: bytes) -> bool:
        domain, _ = split_domain_port(host.decode("latin-1"))
        return bool(domain) and validate_host(domain, list(self.hosts))

    def _ask_for_https(self, scope: Any) -> Refusal | None:
        """What came to the proxy in the clear goes back to be asked again."""
        schemes = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
        if self.exposure is not Exposure.BEHIND_PROXY or schemes in ([b"https"], [b"wss"]):
            return None
        if not schemes:
            return Refusal(HTTPStatus.FORBIDDEN, "the proxy does not say X-Forwarded-Proto")
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return Refusal(HTTPStatus.FORBIDDEN, "only by https")
        path = scope.get("raw_path", b"").decode("ascii", "replace")
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        return Refusal(HTTPStatus.PERMANENT_REDIRECT, "only by https", f"{self.public_url}{path}{query}")


def _unmapped(address: str) -> str:
    """An IPv4 caller of an IPv6 socket by his own address."""
    return address.removeprefix("::ffff:") if "." in address else address


def _speaks_for_others(name: bytes) -> bool:
    return name in _PROXY_HEADERS or name.startswith(_IDENTITY_PREFIXES)
