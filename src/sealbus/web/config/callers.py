"""Which requests come from somebody who is known, and how many the others may send.

A credential (session cookie or token) is known for five minutes after Django accepted it. It is only a mark for limits and
gives no right: Django checks each request. All requests without a known credential share the allowance of their address,
so a made-up cookie or token changes nothing. Nothing is stored, logged or looked up for a request above the allowance.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import parse_cookie

from sealbus.web.config.allowances import Allowances

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Callers", "credential_of"]

_KNOWN_FOR_S = 300.0
_MAX_KNOWN = 10_000


class Callers:
    """The known credentials, and the allowance of each address. `now` is in seconds of the monotonic clock."""

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._known: OrderedDict[bytes, float] = OrderedDict()
        self._allowances = Allowances(rate_per_s, burst)

    def is_known(self, credential: bytes, now: float) -> bool:
        """Whether Django accepted this credential in the last minutes."""
        return self._known.get(credential, 0.0) > now

    def note(self, credential: bytes, *, accepted: bool, now: float) -> None:
        """What Django made of a credential."""
        if not credential:
            return
        if not accepted:
            self._known.pop(credential, None)
            return
        self._known[credential] = now + _KNOWN_FOR_S
        self._known.move_to_end(credential)
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)

    def may_ask(self, group: str, now: float) -> bool:
        """Take one request from the allowance of an address group; False where it is used up."""
        return self._allowances.take(group, now)


def credential_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A digest of the token or session cookie of a request; empty if it has neither."""
    token = session = ""
    for name, value in headers:
        if name == b"authorization":
            token = value.decode("latin-1")
        elif name == b"cookie" and not session:
            session = parse_cookie(value.decode("latin-1")).get(settings.SESSION_COOKIE_NAME, "")
    secret = token or session  # as Django: a request with a token has no session
    return hashlib.sha256(f"{bool(token)} {secret}".encode()).digest() if secret else b""
