"""Who asks, as far as it matters before and beside Django: the client's address, and whether a request was signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealbus.endpoints import plain_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

__all__ = ["client_address", "is_signed_in", "note_signed_in"]

_SIGNED_IN = "sealbus.signed_in"


def client_address(peer: str, forwarded_for: str, is_proxy: Callable[[str], bool]) -> str:
    """The address of the caller: the peer's, or behind trusted proxies the last one in X-Forwarded-For that is no proxy."""
    remote = plain_address(peer)
    for hop in reversed(forwarded_for.split(",")):
        claimed = plain_address(hop.strip())
        if not claimed or not is_proxy(remote):
            break
        remote = claimed
    return remote


def note_signed_in(request: HttpRequest) -> None:
    """Tell the ASGI application in front of Django that this request has a valid session or token."""
    scope: Any = getattr(request, "scope", None)
    if scope is not None:
        scope.setdefault("state", {})[_SIGNED_IN] = True


def is_signed_in(scope: Any) -> bool:
    """Whether Django found a valid session or token in the request of this scope."""
    return bool(scope.get("state", {}).get(_SIGNED_IN))
