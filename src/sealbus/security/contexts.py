"""The only place where TLS is configured. R-numbers are those of MODBUS/TCP Security v36.

| setting | what it meets |
| --- | --- |
| TLS 1.2 and 1.3 only | R-01, R-32 to R-35 |
| CERT_REQUIRED on both sides, own certificate always loaded | R-02, R-03, R-06 to R-08, R-10, R-44 |
| ECDHE with AES-GCM, ChaCha20 or AES-CCM, SHA-256 or better | R-12, R-36 to R-40, R-48, R-50 to R-55, R-61 to R-64 |
| ECDSA and RSA certificates side by side, each with its suites | R-13, R-14, R-62 |
| no NULL, no CBC, no static RSA but by an `unsafe_*` switch; NULL comes last | R-49, R-66, R-67 |
| the server chooses the suite | v36, 8.2 |
| session identifiers instead of self-contained tickets | R-11, R-42, R-43 |
| the whole chain up to the root is sent | R-46 |
| chain, purpose and, with lists, the revocation of each certificate are verified | R-45, R-47, Table 5 |
| maximum fragment length: answered by OpenSSL's server without configuration | R-57, R-58 |
| no compression | R-59 |
| renegotiation indication sent, renegotiation refused | R-60 |

Why no self-contained tickets: OpenSSL then keeps the session at the server. It drops it after a fatal alert (R-11),
uses a TLS 1.3 session once only, and a client certificate of 64 KB, which does not fit into a ticket, does not break
the handshake. TLS 1.3 clients still get a ticket; it is a reference. A session lives two hours at most and dies with its
context. One whose connection ended without a close_notify stays valid, as both versions of TLS allow; what it is resumed
for is checked again (`PeerVerifier`). It costs about 10 KB, so `wants_renewal` says when a new context should replace it.

Signature algorithms cannot be set from Python: OpenSSL lists DSA, SHA-224 and Ed448 too. `PeerVerifier` and
`refuse_weak_chain` refuse a peer with such a key.

No early data: it is never enabled, a write could be replayed (OpenSSL has it off, Python cannot switch it on). The
order of the TLS 1.3 suites and the maximum fragment length of a client cannot be set from Python.

VERIFY_X509_STRICT stays off: it refuses lawful chains of other authorities, among them the root that `openssl req
-x509` makes by default (no key usage) and intermediates whose basic constraints are not marked critical. What OpenSSL
checks without it, signatures, authority bits, path lengths, purposes, dates and name constraints, is what R-47 is
about.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sealbus.errors import ConfigError
from sealbus.security.identities import complete_chain
from sealbus.security.pem_files import as_temporary_path
from sealbus.security.tls_objects import EventLoopContext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.security.identities import Identity, KeyPair
    from sealbus.security.trust import Trust

__all__ = [
    "EVERY_SUITE",
    "TlsOptions",
    "build_client_context",
    "build_inspection_context",
    "build_server_context",
    "switch_for_suite",
    "wants_renewal",
]

# Secure SunSpec's order, each ECDSA suite beside its RSA twin
_SUITES: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-CCM8",  # for the smallest devices; last of those that encrypt, because its tag is short
)
_V21_SUITE: Final = "AES128-SHA256"  # MODBUS/TCP Security v21, R-14 and R-15: TLS_RSA_WITH_AES_128_CBC_SHA256
_NULL_SUITE: Final = "NULL-SHA256"  # TLS_RSA_WITH_NULL_SHA256

EVERY_SUITE: Final = (*_SUITES, _V21_SUITE, _NULL_SUITE)
"""The suites of TLS 1.2 that Sealbus can use, by choice of the operator where a switch is needed."""

_SESSIONS_KEPT: Final = 2_000


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """The weakenings that an operator may choose.

    `unsafe_v21_cbc`: also the suite of MODBUS/TCP Security v21, static RSA with CBC: no forward secrecy.
    `unsafe_null_encryption`: also the suite that does not encrypt, TLS 1.2 only, last choice. It lowers OpenSSL's
    security level; weak certificates are then rejected by PeerVerifier alone.
    """

    unsafe_v21_cbc: bool = False
    unsafe_null_encryption: bool = False


_SAFE: Final = TlsOptions()


def build_server_context(identity: Identity, trust: Trust, options: TlsOptions = _SAFE) -> ssl.SSLContext:
    """A context that accepts clients with a certificate that `trust` leads to. ConfigError for what OpenSSL refuses."""
    has_rsa = any(isinstance(pair.chain[0].public_key(), rsa.RSAPublicKey) for pair in identity.pairs)
    if (options.unsafe_v21_cbc or options.unsafe_null_encryption) and not has_rsa:
        switch = "unsafe_v21_cbc" if options.unsafe_v21_cbc else "unsafe_null_encryption"
        raise ConfigError(
            "this switch needs an RSA certificate: its cipher suites use no other",
            file=identity.pairs[0].certificate_file,
            key=switch,
            hint="add an RSA certificate beside this one, or leave the switch out",
        )
    context = EventLoopContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_TICKET
    context.num_tickets = 1
    _configure(context, identity, trust, options)
    return context


def build_client_context(identity: Identity, trust: Trust, options: TlsOptions = _SAFE) -> ssl.SSLContext:
    """A context for dialling: the host name or address dialled must be in the server's SAN, never only in its CN."""
    context = EventLoopContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = True
    context.hostname_checks_common_name = False
    _configure(context, identity, trust, options)
    return context


def build_inspection_context(version: ssl.TLSVersion, suites: Sequence[str]) -> ssl.SSLContext:
    """A context that trusts nobody: every handshake fails, after the server has chosen a suite and shown its certificate.

    `suites` are offered in TLS 1.2; those of TLS 1.3 cannot be chosen.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(":".join((*suites, "@SECLEVEL=0")))  # it also offers what a switch would allow
    return context


def switch_for_suite(suite: str) -> str:
    """The `unsafe_` switch that allows a suite; empty for one that needs none."""
    return {_V21_SUITE: "unsafe_v21_cbc", _NULL_SUITE: "unsafe_null_encryption"}.get(suite, "")


def wants_renewal(context: ssl.SSLContext) -> bool:
    """Whether this server context keeps so many sessions that a new context should replace it for new connections."""
    return context.session_stats()["number"] >= _SESSIONS_KEPT


def _configure(context: ssl.SSLContext, identity: Identity, trust: Trust, options: TlsOptions) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(":".join(_suites(options)))
    for pair in identity.pairs:
        _load_pair(context, pair, trust)
    _load_trust(context, trust)


def _suites(options: TlsOptions) -> list[str]:
    suites = list(_SUITES)
    if options.unsafe_v21_cbc:
        suites.append(_V21_SUITE)
    if options.unsafe_null_encryption:
        suites += [_NULL_SUITE, "@SECLEVEL=0"]
    return suites


def _load_pair(context: ssl.SSLContext, pair: KeyPair, trust: Trust) -> None:
    chain = complete_chain(pair.chain, (one.certificate for one in trust.certificates))
    pem = b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain)
    try:
        with as_temporary_path(pem) as chain_path, as_temporary_path(pair.key_pem) as key_path:
            context.load_cert_chain(chain_path, key_path, password=pair.password or b"")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"OpenSSL rejects this certificate: {getattr(error, 'reason', None) or error}",
            file=pair.certificate_file,
            hint="issue it with ECDSA P-256 or RSA of 2048 bits or more, signed with SHA-256",
        ) from None


def _load_trust(context: ssl.SSLContext, trust: Trust) -> None:
    try:
        with as_temporary_path(trust.pem) as path:
            context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"OpenSSL rejects the trust files: {getattr(error, 'reason', None) or error}",
            file=trust.certificates[0].file,
            hint="check each with openssl x509 -text or openssl crl -text",
        ) from None
    if trust.revocation.lists:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
