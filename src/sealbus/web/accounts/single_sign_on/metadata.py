"""What a provider says about itself: OpenID Connect Discovery 1.0, and its keys (RFC 7517).

It is fetched once an hour, and the keys also when an ID token names a key that is not among them. A failure is remembered
for some seconds, so that many attempts to sign in do not become many requests to a provider that does not answer.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealbus.errors import PeerError
from sealbus.web.accounts.single_sign_on.outbound import Busy, Conversation, is_safe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

__all__ = ["KnownProvider", "Metadata", "issuer_of", "known_provider", "parse_metadata"]

_WELL_KNOWN = "/.well-known/openid-configuration"
_KEPT_S = 3600.0
_FAILURE_KEPT_S = 10.0
_MAX_KEYS = 100


@dataclass(frozen=True, slots=True)
class Metadata:
    """The endpoints of a provider, all of them https; on loopback http too, where the issuer is on loopback itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    """Empty where there is none."""
    needs_basic: bool
    """Whether the client's secret must go into a header instead of the form (RFC 6749, 2.3.1)."""


def issuer_of(url: str) -> str:
    """The issuer that the operator has configured: the URL itself, or what stands before `/.well-known/`."""
    return url.removesuffix(_WELL_KNOWN)


def parse_metadata(document: dict[str, Any], issuer: str) -> Metadata:
    """Raises PeerError for a document of another issuer, or with an endpoint that must not be used."""
    stated = document.get("issuer")
    if stated != issuer:  # Discovery 4.3: else one provider could speak for another
        raise PeerError(f"the provider's issuer is {str(stated)[:200]!r}: write exactly this in SEALBUS_OIDC_URL")
    allows_loopback = is_safe(issuer, allows_loopback=True) and issuer.startswith("http://")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
    urls = {name: document.get(name) for name in names}
    if not urls["userinfo_endpoint"]:
        urls["userinfo_endpoint"] = ""
    for name, url in urls.items():
        is_left_out = name == "userinfo_endpoint" and url == ""
        if not is_left_out and not (isinstance(url, str) and is_safe(url, allows_loopback=allows_loopback)):
            raise PeerError(f"the provider's {name} is not an https URL")
    methods = document.get("token_endpoint_auth_methods_supported", [])
    if not isinstance(methods, list):
        raise PeerError("the provider's token_endpoint_auth_methods_supported is not a list")
    needs_basic = "client_secret_basic" in methods and "client_secret_post" not in methods
    return Metadata(issuer=issuer, needs_basic=needs_basic, **urls)  # type: ignore[arg-type]


class KnownProvider:
    """One provider, shared by all requests of a process. `now` is monotonic, in seconds."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._lock = threading.Lock()
        self._metadata: tuple[Metadata, float] | None = None
        self._keys: tuple[list[dict[str, Any]], float] | None = None
        self._failure: tuple[str, float] | None = None

    def metadata(self, talking: Callable[[], AbstractContextManager[Conversation]], now: float) -> Metadata:
        """The endpoints. `talking` opens a conversation and is called only when something is to be fetched.

        Raises PeerError.
        """
        with self._lock:
            if self._metadata is not None and now - self._metadata[1] < _KEPT_S:
                return self._metadata[0]
            if self._failure is not None and now - self._failure[1] < _FAILURE_KEPT_S:
                raise PeerError(self._failure[0])
        try:
            with talking() as talk:
                document = talk.get(self._issuer.rstrip("/") + _WELL_KNOWN)
            metadata = parse_metadata(document, self._issuer)
        except Busy:
            raise
        except PeerError as error:
            with self._lock:
                self._failure = (str(error), now)
            raise
        with self._lock:
            self._metadata, self._failure = (metadata, now), None
        return metadata

    def keys(self, metadata: Metadata, talk: Conversation, now: float, *, kid: str | None) -> Sequence[dict[str, Any]]:
        """The published keys with this id; all where `kid` is None. Raises PeerError."""
        with self._lock:
            known = self._keys
        found = _with_id(known[0], kid) if known is not None and now - known[1] < _KEPT_S else []
        if found:
            return found
        listed = talk.get(metadata.jwks_uri).get("keys")
        if not isinstance(listed, list) or len(listed) > _MAX_KEYS:
            raise PeerError("the provider's keys are not a JWK set")
        keys = [key for key in listed if isinstance(key, dict)]
        with self._lock:
            self._keys = (keys, now)
        return _with_id(keys, kid)


def known_provider(issuer: str) -> KnownProvider:
    """What this process knows of the issuer. Only configured issuers are asked for, so the table stays small."""
    with _lock:
        return _known.setdefault(issuer, KnownProvider(issuer))


_lock = threading.Lock()
_known: dict[str, KnownProvider] = {}


def _with_id(keys: list[dict[str, Any]], kid: str | None) -> list[dict[str, Any]]:
    return [key for key in keys if kid is None or key.get("kid") == kid]
