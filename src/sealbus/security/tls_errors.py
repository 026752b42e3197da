"""Why a handshake failed, in one plain sentence. Filled in below by verify code and reason."""

from __future__ import annotations

__all__ = ["explain_tls_error"]


def explain_tls_error(error: BaseException) -> str:
    """One plain sentence."""
    return str(error)
