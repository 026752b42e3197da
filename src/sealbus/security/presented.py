"""The certificates that a server presented, proven or not: to tell an operator what is there. Nothing is decided by them."""

from __future__ import annotations

import ssl
from typing import Final

from cryptography import x509

from sealbus.security.extensions import find_extension
from sealbus.security.names import printable
from sealbus.security.parsing import UNPARSABLE
from sealbus.security.tls_errors import WrongHostError

__all__ = ["host_names", "presented_chain", "wrong_host_error"]

_SHOWN_NAMES: Final = 4
_MAX_NAME_CHARS: Final = 80


def presented_chain(ssl_object: ssl.SSLObject | ssl.SSLSocket) -> tuple[x509.Certificate, ...]:
    """The chain that the peer sent, leaf first, also after a failed handshake; empty if there is none or it is not X.509.

    `get_unverified_chain` is public from Python 3.13 on; before, the call exists only on the object underneath.
    """
    public = getattr(ssl_object, "get_unverified_chain", None)
    der = ssl._ssl.ENCODING_DER  # type: ignore[attr-defined]
    try:
        if public is not None:
            found = public() or ()
        else:
            found = [each.public_bytes(der) for each in ssl_object._sslobj.get_unverified_chain() or ()]  # type: ignore[union-attr]
        return tuple(x509.load_der_x509_certificate(each) for each in found)
    except UNPARSABLE:
        return ()


def host_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The host names and addresses in the subject alternative name, printable; empty if it cannot be read."""
    try:
        names = find_extension(certificate, x509.SubjectAlternativeName) or ()
        return tuple(
            printable(str(name.value), longest=_MAX_NAME_CHARS)
            for name in names
            if isinstance(name, x509.DNSName | x509.IPAddress)
        )
    except UNPARSABLE:
        return ()


def wrong_host_error(error: ssl.SSLError, ssl_object: ssl.SSLObject) -> ssl.SSLError:
    """`error` with the names that the certificate has; `error` itself if no certificate can be read."""
    chain = presented_chain(ssl_object)
    if not chain:
        return error
    found = WrongHostError(*error.args)
    found.verify_code = getattr(error, "verify_code", 0)
    found.verify_message = getattr(error, "verify_message", "")
    found.names = host_names(chain[0])[:_SHOWN_NAMES]
    return found
