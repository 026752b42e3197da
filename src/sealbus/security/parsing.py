"""The exceptions that `cryptography` raises for bytes that it cannot parse.

It documents no closed set, and a peer's certificate must never end the task that parses it. These are the families that
its parsers were seen to raise or document; each place that parses foreign certificates catches them all.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

__all__ = ["UNPARSABLE", "why_unparsable"]

UNPARSABLE: Final = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    NotImplementedError,
    UnsupportedAlgorithm,
    x509.AttributeNotFound,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def why_unparsable(error: Exception) -> str:
    """The message of the parser on one short line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
