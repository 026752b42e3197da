"""The verification of an ID token, after OpenID Connect Core 1.0, 3.1.3.7, and RFC 8725.

The signature is always checked, also though the token came straight from the provider: only the key shows that the issuer
made it. Only asymmetric algorithms are taken: with "none" anybody makes tokens, and with HS256 everybody who knows the
client's secret, or who takes the public key for it.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sealbus.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["check_nonce", "verify_id_token"]

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_REQUIRED = ("iss", "sub", "aud", "exp", "iat")
_LEEWAY_S = 30
"""How far the clocks of site and provider may differ."""
_SHORTEST_RSA_BITS = 2048


def verify_id_token(
    token: str, find_keys: Callable[[str | None], Sequence[dict[str, Any]]], *, issuer: str, client_id: str
) -> dict[str, Any]:
    """The claims. `find_keys` gives the published keys with an id, or all of them. Raises PeerError with the reason."""
    try:
        header = jwt.get_unverified_header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in _ALGORITHMS:
            raise PeerError(f"the ID token is signed with {str(algorithm)[:20]!r}, not with an asymmetric algorithm")
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(find_keys(kid), algorithm),
            algorithms=[algorithm],
            audience=client_id,
            issuer=issuer,
            leeway=_LEEWAY_S,
            options={"require": list(_REQUIRED)},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise PeerError(f"the ID token is not valid: {error}") from None
    _check_numbers(claims)
    _check_party(claims, client_id)
    return claims


def check_nonce(claims: dict[str, Any], expected: object) -> None:
    """Raise PeerError unless the token was issued for this attempt in this browser."""
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not isinstance(expected, str) or not expected:
        raise PeerError("the ID token has no nonce")
    if not hmac.compare_digest(nonce.encode("utf-8", "replace"), expected.encode()):
        raise PeerError("the ID token was not issued for this attempt")


def _key(published: Sequence[dict[str, Any]], algorithm: str) -> jwt.PyJWK:
    """The one key that may have made the signature."""
    fitting = []
    for jwk in published:
        if jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm) != algorithm:
            continue
        try:
            key = jwt.PyJWK(jwk, algorithm)
        except jwt.PyJWTError:
            continue  # of another type
        if isinstance(key.key, RSAPublicKey) and key.key.key_size < _SHORTEST_RSA_BITS:
            continue
        fitting.append(key)
    if len(fitting) != 1:
        raise PeerError(f"the provider publishes {len(fitting)} keys that could have signed the ID token")
    return fitting[0]


def _check_numbers(claims: dict[str, Any]) -> None:
    """The library takes any value that `int` takes."""
    for name in ("exp", "iat", "nbf", "auth_time"):
        if name in claims and type(claims[name]) not in (int, float):
            raise PeerError(f"the ID token's {name} is not a number")


def _check_party(claims: dict[str, Any], client_id: str) -> None:
    """A token for several audiences could be one that another of them has received from a person."""
    audience = claims["aud"]
    if audience not in (client_id, [client_id]):
        raise PeerError("the ID token is for other clients too")
    if claims.get("azp", client_id) != client_id:
        raise PeerError("the ID token was issued to another client")
