"""What the certificates of an identity are good for: a TLS server, a TLS client, under which names.

OpenSSL, as other libraries, refuses a peer whose extended key usage lacks the purpose; anyExtendedKeyUsage does not help.
So a certificate that has the extension and not the purpose connects to no peer. A server without a name is refused by
every client that checks names, as Sealbus does; some devices do not, therefore that is a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealbus.errors import ConfigError
from sealbus.security.extensions import find_extension, read_extensions
from sealbus.security.names import render_name

if TYPE_CHECKING:
    from sealbus.security.identities import Identity, KeyPair

__all__ = ["check_purposes", "name_warnings"]


def check_purposes(identity: Identity, *, serves: bool, dials: bool) -> None:
    """Raise ConfigError for a certificate that peers refuse where it `serves` clients or `dials` servers."""
    for pair in identity.pairs:
        usage = find_extension(pair.chain[0], x509.ExtendedKeyUsage)
        if usage is None:
            continue
        if serves and ExtendedKeyUsageOID.SERVER_AUTH not in usage:
            raise _lacks(pair, "serverAuth", "clients", "issue it with serverAuth: sealbus ca issue does with --host")
        if dials and ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
            raise _lacks(pair, "clientAuth", "servers", "issue it with clientAuth: sealbus ca issue always does")


def name_warnings(identity: Identity) -> list[str]:
    """Sentences about certificates of a server under which no client can verify a name or an address."""
    return [
        f"{pair.certificate_file}: the certificate names no host and no address (subject alternative name), so clients "
        "that check the name refuse it; issue it with --host"
        for pair in identity.pairs
        if not _may_name_host(pair.chain[0])
    ]


def _may_name_host(leaf: x509.Certificate) -> bool:
    if read_extensions(leaf).left_out:
        return True  # the names may be in what cannot be read; Identity.load has warned of that
    names = find_extension(leaf, x509.SubjectAlternativeName)
    return names is not None and any(isinstance(name, x509.DNSName | x509.IPAddress) for name in names)


def _lacks(pair: KeyPair, word: str, peers: str, hint: str) -> ConfigError:
    subject = render_name(pair.chain[0].subject)
    return ConfigError(
        f"the extended key usage of {subject} lacks {word}: {peers} refuse it", file=pair.certificate_file, hint=hint
    )
