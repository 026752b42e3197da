"""TLS for everything but Modbus: the web site, and the receiver of its audit. The same versions, without client
certificates.

A browser has no certificate, so what `contexts` demands of both sides cannot apply here. Everything else does: TLS 1.2
and 1.3 with forward secrecy, no compression, no renegotiation, and a client that checks the name of the server.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import serialization

from sealbus.errors import ConfigError
from sealbus.security.pem_files import as_temporary_path

if TYPE_CHECKING:
    from sealbus.security.identities import Identity, KeyPair
    from sealbus.security.trust import Trust

__all__ = ["build_site_context", "build_verifying_context"]

_SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"


def build_site_context(identity: Identity) -> ssl.SSLContext:
    """A context that serves HTTP/1.1 to any client. ConfigError for a certificate that OpenSSL refuses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    _configure(context)
    for pair in identity.pairs:
        _load_pair(context, pair)
    return context


def build_verifying_context(trust: Trust | None, identity: Identity | None = None) -> ssl.SSLContext:
    """A context for dialling a server that `trust` leads to, None for the authorities of this machine. The name dialled
    must be in its SAN. `identity` is shown where the server asks for one.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False
    _configure(context)
    if trust is None:
        context.load_default_certs()
    else:
        with as_temporary_path(trust.pem) as path:
            context.load_verify_locations(path)
        if trust.revocation.lists:
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    for pair in identity.pairs if identity else ():
        _load_pair(context, pair)
    return context


def _configure(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(_SUITES)


def _load_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    pem = b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in pair.chain)
    try:
        with as_temporary_path(pem) as chain_path, as_temporary_path(pair.key_pem) as key_path:
            context.load_cert_chain(chain_path, key_path, password=pair.password or b"")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"OpenSSL rejects this certificate: {getattr(error, 'reason', None) or error}",
            file=pair.certificate_file,
            hint="issue it with ECDSA P-256 or RSA of 2048 bits or more, signed with SHA-256",
        ) from None
