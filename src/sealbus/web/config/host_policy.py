"""Which host names and which proxies are accepted. Checked before Django receives the request.

A request must name exactly one host, one of this site: so a page of another site cannot reach this one under its own name
(DNS rebinding), not even on loopback. Headers about the client are accepted from declared proxies only, and removed from
all other requests. Behind proxies, the site serves no other client, except a health check from this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http.request import split_domain_port, validate_host

from sealbus.endpoints import plain_address
from sealbus.web.config.exposure import Exposure, is_loopback_host
from sealbus.web.http.callers import client_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.web.config.environment import Proxies

__all__ = ["HEALTH_PATHS", "HostAndProxyPolicy", "Refusal"]

_PROXY_HEADERS = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"forwarded"}
)
_IDENTITY_PREFIXES = (b"x-ssl-", b"ssl-client-", b"x-client-cert", b"x-remote-user", b"remote-user")
HEALTH_PATHS = frozenset({"/health/live", "/health/ready"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """The request is refused. `location` is set if the client should repeat it by HTTPS."""

    status: HTTPStatus
    reason: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class HostAndProxyPolicy:
    """The policy of one site."""

    exposure: Exposure
    hosts: Sequence[str]
    proxies: Proxies
    public_url: str

    def judge(self, scope: Any) -> Refusal | None:
        """None: the request is accepted, and proxy headers of any other client are removed from the scope."""
        peer = _peer(scope)
        is_proxy = self.proxies.contains(peer)
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        is_check = scope["path"] in HEALTH_PATHS and is_loopback_host(peer)
        if self.exposure is Exposure.BEHIND_PROXY and not is_proxy and not is_check:
            return Refusal(HTTPStatus.FORBIDDEN, "use the address of the proxy")
        if len(hosts) != 1 or not (self._is_ours(hosts[0]) or is_check):
            return Refusal(HTTPStatus.BAD_REQUEST, "the Host header does not name this site")
        if is_proxy:
            return self._ask_for_https(scope)
        kept = [(name, value) for name, value in scope["headers"] if not _is_proxy_header(name)]
        if is_check:  # a health check names this machine, not the site
            kept = [(name, self.hosts[0].encode() if name == b"host" else value) for name, value in kept]
        scope["headers"] = kept
        return None

    def client_address(self, scope: Any) -> str:
        """The address of the caller, behind trusted proxies as they report it."""
        forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        return client_address(_peer(scope), b",".join(forwarded).decode("latin-1"), self.proxies.contains)

    def _is_ours(self, host: bytes) -> bool:
        domain, _ = split_domain_port(host.decode("latin-1"))
        return bool(domain) and validate_host(domain, list(self.hosts))

    def _ask_for_https(self, scope: Any) -> Refusal | None:
        """Redirect a request that reached the proxy by plain HTTP."""
        schemes = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
        if self.exposure is not Exposure.BEHIND_PROXY or schemes in ([b"https"], [b"wss"]):
            return None
        if not schemes:
            return Refusal(HTTPStatus.FORBIDDEN, "the proxy sends no X-Forwarded-Proto")
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return Refusal(HTTPStatus.FORBIDDEN, "use https")
        path = scope.get("raw_path", b"").decode("ascii", "replace")
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        return Refusal(HTTPStatus.PERMANENT_REDIRECT, "use https", f"{self.public_url}{path}{query}")


def _peer(scope: Any) -> str:
    return plain_address((scope.get("client") or ("", 0))[0])


def _is_proxy_header(name: bytes) -> bool:
    return name in _PROXY_HEADERS or name.startswith(_IDENTITY_PREFIXES)
