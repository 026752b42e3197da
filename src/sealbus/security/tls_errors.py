"""Why a handshake failed, in one plain sentence.

OpenSSL knows the reason exactly and words it for programmers; an operator needs it in plain words. Two tables: one for the
verification of a certificate (the codes of OpenSSL's x509_vfy.h), one for everything else (the reason that Python passes
on). What this side found is distinguished from what the peer reported in an alert: "the peer refuses our certificate" sends
the operator to the other machine. Unknown reasons are passed on as they are, never swallowed.
"""

from __future__ import annotations

import ssl
from typing import Final

__all__ = ["WrongHostError", "explain_tls_error"]


class WrongHostError(ssl.SSLCertVerificationError):
    """The certificate of a server is not for the dialled host. `names`: its own first ones, printable and unproven."""

    names: tuple[str, ...] = ()


_VERIFICATION: Final = {
    2: "its chain is incomplete: the certificate of an issuer is missing",
    3: "there is no revocation list of its issuer",
    7: "the signature of its certificate is wrong",
    8: "the signature of the revocation list is wrong",
    9: "its certificate is not yet valid",
    10: "its certificate has expired",
    11: "the revocation list is not yet valid",
    12: "the revocation list is out of date",
    18: "its certificate is self-signed and not among the trusted ones",
    19: "its authority is unknown: the root of its chain is not trusted here",
    20: "its authority is unknown: no trusted certificate issued it",
    21: "its authority is unknown: no trusted certificate issued it",
    22: "its chain is too long",
    23: "its certificate was revoked",
    25: "its chain is longer than an authority in it allows",
    26: "its certificate is not meant for this use (extended key usage or key usage)",
    32: "an authority in its chain may not sign certificates",
    33: "the issuer of the revocation list is not known",
    34: "its certificate has a critical extension that is not known here",
    35: "the issuer of the revocation list may not sign one",
    36: "the revocation list has a critical extension that is not known here",
    41: "an extension of its certificate is malformed",
    47: "its name lies outside what its authority may certify",
    48: "its name is one that its authority may not certify",
    62: "its certificate is for another host name",
    64: "its certificate is for another address",
    66: "the key of its certificate is too weak",
    67: "the key of an authority in its chain is too weak",
    68: "a signature in its chain is too weak (SHA-1 or MD5)",
    79: "a certificate in its chain is used as an authority and is not one",
}

_REFUSES_OURS: Final = "the peer refuses our certificate: "

_REASONS: Final = {
    # found here
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no certificate was sent",
    "HTTP_REQUEST": "plain HTTP arrived where TLS was expected",
    "HTTPS_PROXY_REQUEST": "an HTTP proxy request arrived where TLS was expected",
    "WRONG_VERSION_NUMBER": "plain bytes arrived where TLS was expected",
    "NO_SHARED_CIPHER": "there is no cipher suite in common",
    "NO_CIPHERS_AVAILABLE": "there is no cipher suite left to offer",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "there is no signature algorithm in common",
    "NO_COMPRESSION_SPECIFIED": "the peer accepts compressed records only",
    "WRONG_CURVE": "the key of its certificate is on a curve that is not allowed here",
    "UNSUPPORTED_PROTOCOL": "the peer supports no TLS version that is allowed here: TLS 1.2 or 1.3 is needed",
    "UNKNOWN_PROTOCOL": "the peer supports no TLS version that is allowed here: TLS 1.2 or 1.3 is needed",
    "VERSION_TOO_LOW": "the peer supports no TLS version that is allowed here: TLS 1.2 or 1.3 is needed",
    "WRONG_SSL_VERSION": "the peer supports no TLS version that is allowed here: TLS 1.2 or 1.3 is needed",
    "INAPPROPRIATE_FALLBACK": "the peer fell back to an older TLS version although both speak a newer one",
    "EXCESSIVE_MESSAGE_SIZE": "its certificate chain is too large",
    "UNEXPECTED_EOF_WHILE_READING": "the peer closed the connection without giving a reason",
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": "a record was changed or damaged on the way",
    "BAD_RECORD_TYPE": "a record of an unknown type arrived",
    "PACKET_LENGTH_TOO_LONG": "a record is longer than TLS allows",
    # alerts of the peer
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the peer requires a certificate and got none",
    "SSLV3_ALERT_NO_CERTIFICATE": "the peer requires a certificate and got none",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the peer refuses the handshake: no certificate, or no cipher suite in common",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": _REFUSES_OURS + "it reports that it, or a revocation list, has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": _REFUSES_OURS + "it reports that it was revoked",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _REFUSES_OURS + "it gives no reason",
    "SSLV3_ALERT_BAD_CERTIFICATE": _REFUSES_OURS + "it reports that it is not valid, too weak, or for another host",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _REFUSES_OURS + "it reports that it is not meant for this use",
    "TLSV1_ALERT_UNKNOWN_CA": _REFUSES_OURS + "it does not trust its authority",
    "TLSV1_ALERT_ACCESS_DENIED": _REFUSES_OURS + "it denies access",
    "TLSV1_ALERT_DECRYPT_ERROR": "the peer could not verify a signature of the handshake",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the peer supports no TLS version that is allowed here: TLS 1.2 or 1.3 is needed",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": "the peer asks for stronger cipher suites",
    "TLSV1_ALERT_INTERNAL_ERROR": "the peer reports an internal error",
    "TLSV1_ALERT_NO_RENEGOTIATION": "the peer does not renegotiate",
    "SSLV3_ALERT_UNEXPECTED_MESSAGE": "the peer reports a message out of order",
    "SSLV3_ALERT_ILLEGAL_PARAMETER": "the peer reports an illegal parameter",
    "SSLV3_ALERT_BAD_RECORD_MAC": "the peer reports a record that was changed or damaged on the way",
    "TLSV1_ALERT_DECODE_ERROR": "the peer could not read a message of the handshake",
    "TLSV1_ALERT_RECORD_OVERFLOW": "the peer reports a record that is too long",
    "TLSV1_UNRECOGNIZED_NAME": "the peer does not serve this host name",
}


def explain_tls_error(error: BaseException) -> str:
    """One plain sentence, without full stop, for what `ssl` or a transport raised in a handshake or after it."""
    if isinstance(error, WrongHostError):
        names = ", ".join(error.names)
        return (
            f"its certificate is for another host: {names}"
            if names
            else "its certificate names no host; issue it with --host"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _VERIFICATION.get(getattr(error, "verify_code", 0))
        return known or f"its certificate was not accepted: {getattr(error, 'verify_message', error)}"
    if isinstance(error, ssl.SSLError):
        return _explain_reason(error)
    if isinstance(error, TimeoutError):
        return "the handshake took too long"
    if isinstance(error, ConnectionResetError | BrokenPipeError | EOFError):
        return "the peer closed the connection without giving a reason"
    if isinstance(error, ConnectionAbortedError):
        return "the handshake took too long" if "taking longer" in str(error) else "the connection was aborted"
    return " ".join(str(error).split()) or type(error).__name__


def _explain_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the peer closed the connection without giving a reason"
    reason = getattr(error, "reason", None) or ""  # errors that Python itself made have none
    if known := _REASONS.get(reason):
        return known
    words = reason.lower().replace("_", " ")
    return f"TLS failed: {words}" if words else f"TLS failed: {' '.join(str(error).split())}"
