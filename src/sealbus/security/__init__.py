"""Certificates and TLS: who a peer is, and whether its certificate is trusted.

Certificates, roles, revocation, TLS contexts, and an authority for plants that have none. All cryptography is OpenSSL's,
through the standard `ssl` and `cryptography`; X.509 is parsed by `cryptography` alone. This package refuses to decide what
a peer may do (that is `policy`), to open a socket, and to skip a check without an option named `unsafe_*`.
"""

from sealbus.security.authority import Authority
from sealbus.security.certificates import REASONS
from sealbus.security.contexts import (
    EVERY_SUITE,
    TlsOptions,
    build_client_context,
    build_inspection_context,
    build_server_context,
    switch_for_suite,
    wants_renewal,
)
from sealbus.security.description import Described, Side, describe, describe_file
from sealbus.security.expiry import Expiry, ExpiryKind, expiries_of, near_expiry
from sealbus.security.identities import Identity, KeyPair
from sealbus.security.issuing import (
    LEAF_DAYS,
    ROOT_DAYS,
    AuthorityStatus,
    CertificateState,
    Issued,
    IssuedCertificate,
    KeyFiles,
    RootOptions,
)
from sealbus.security.names import printable
from sealbus.security.peer import Peer
from sealbus.security.peer_verifier import PeerVerifier
from sealbus.security.presented import presented_chain
from sealbus.security.private_keys import KeyKind
from sealbus.security.purposes import check_purposes, name_warnings
from sealbus.security.requests import SigningRequest
from sealbus.security.roles import MAX_ROLE_BYTES, ROLE_OID, PeerRole, RoleFinding, role_of
from sealbus.security.seen_lists import SeenLists
from sealbus.security.tls_errors import WrongHostError, explain_tls_error
from sealbus.security.tls_objects import alerts_to
from sealbus.security.trust import Trust, TrustedCertificate
from sealbus.security.web_contexts import build_site_context, build_verifying_context

__all__ = [
    "EVERY_SUITE",
    "LEAF_DAYS",
    "MAX_ROLE_BYTES",
    "REASONS",
    "ROLE_OID",
    "ROOT_DAYS",
    "Authority",
    "AuthorityStatus",
    "CertificateState",
    "Described",
    "Expiry",
    "ExpiryKind",
    "Identity",
    "Issued",
    "IssuedCertificate",
    "KeyFiles",
    "KeyKind",
    "KeyPair",
    "Peer",
    "PeerRole",
    "PeerVerifier",
    "RoleFinding",
    "RootOptions",
    "SeenLists",
    "Side",
    "SigningRequest",
    "TlsOptions",
    "Trust",
    "TrustedCertificate",
    "WrongHostError",
    "alerts_to",
    "build_client_context",
    "build_inspection_context",
    "build_server_context",
    "build_site_context",
    "build_verifying_context",
    "check_purposes",
    "describe",
    "describe_file",
    "expiries_of",
    "explain_tls_error",
    "name_warnings",
    "near_expiry",
    "presented_chain",
    "printable",
    "role_of",
    "switch_for_suite",
    "wants_renewal",
]
