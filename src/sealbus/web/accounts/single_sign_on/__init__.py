"""Who is this person, according to the operator's OpenID provider?

The authorization code flow of OpenID Connect Core 1.0 (3.1) with PKCE (RFC 7636), for one confidential client. A person is
the pair of issuer and `sub`, never a mail address or a name. An ID token is always verified, also when it came over TLS:
signature by a published asymmetric key, issuer, audience, times, nonce. The package refuses to send anything to a provider
by plain HTTP (loopback excepted), to follow a redirect of one, and to wait for one longer than five seconds.

`outbound` talks, `metadata` reads what a provider says about itself, `id_token` verifies, `identity` reads the claims,
`provider` and `views` are the two steps in the browser. Sessions, second factors and linking are django-allauth's.
"""

from __future__ import annotations

__all__: list[str] = []
