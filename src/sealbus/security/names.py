"""Names from certificates as text that is safe in a log, a page or a terminal.

The author of a certificate chooses its subject. It may hold line breaks, terminal escapes or a NUL with other text behind
it. It never decides anything here: the identity is the fingerprint, rights come from the role. It is only shown, on one
line, with everything that is not printable escaped, and cut when it is too long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["printable", "render_name", "render_serial"]

_MAX = 256


def printable(text: str, *, longest: int = _MAX) -> str:
    """`text` on one line: what is not printable is escaped as \\xNN, \\uNNNN; cut with ... beyond `longest`."""
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
    return escaped if len(escaped) <= longest else escaped[: longest - 3] + "..."


def render_name(name: x509.Name) -> str:
    """A subject or issuer after RFC 4514, printable."""
    text = name.rfc4514_string()
    return printable(text) if text else "(no name)"


def render_serial(serial: int) -> str:
    """A serial number as upper-case hexadecimal with an even number of digits, as OpenSSL prints it.

    RFC 5280, 4.1.2.2 wants it positive, and wants users to cope with authorities whose numbers are not.
    """
    size = abs(serial)
    digits = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big").hex().upper()
    return f"-{digits}" if serial < 0 else digits
