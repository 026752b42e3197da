"""The person whom a provider names, read from verified claims."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealbus.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Identity", "parse_identity"]

_MAX_SUB = 255  # OpenID Connect Core 1.0, 2
_MAX_NAME = 150


@dataclass(frozen=True, slots=True)
class Identity:
    """A person at a provider. Issuer and subject identify the person; the other members are only shown."""

    issuer: str
    subject: str
    user_name: str
    """What the provider proposes as user name; it may be unusable or taken."""
    name: str
    email: str

    @property
    def uid(self) -> str:
        """One text for issuer and subject together: `sub` is unique within its issuer only (Core, 5.7)."""
        return hashlib.sha256(json.dumps([self.issuer, self.subject]).encode()).hexdigest()

    @property
    def own_user_name(self) -> str:
        """A user name that is free for this person."""
        return f"sso-{self.uid[:16]}"


def parse_identity(claims: Mapping[str, Any], profile: Mapping[str, Any] | None) -> Identity:
    """Of the claims of an ID token and of the profile of the same person, where the provider has one. Raises PeerError."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUB or not subject.isascii():
        raise PeerError(f"the ID token's sub is not a text of 1 to {_MAX_SUB} ASCII characters")
    if not subject.isprintable():
        raise PeerError("the ID token's sub has characters that cannot be stored")
    if profile is not None and profile.get("sub") != subject:  # Core, 5.3.2: else a profile can be swapped
        raise PeerError("the ID token and the profile are not of the same person")
    shown = claims if profile is None else {**claims, **profile}
    return Identity(
        issuer=str(claims["iss"]),
        subject=subject,
        user_name=_text(shown, "preferred_username"),
        name=_text(shown, "name")[:_MAX_NAME],
        email=_text(shown, "email"),
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name) or ""
    if not isinstance(value, str):
        raise PeerError(f"the claim {name} is not a text")
    if not value.isprintable():  # control characters, lone surrogates
        raise PeerError(f"the claim {name} has characters that cannot be stored")
    return value.strip()
