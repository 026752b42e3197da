"""A QR code as shapes of the page: dark squares on a light ground in every palette, so that a camera reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import qrcode
from django.utils.html import format_html

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

__all__ = ["qr_code"]

_QUIET = 4
"""The quiet zone that the standard asks for, in squares."""


def qr_code(text: str, title: str) -> SafeString:
    """An SVG element without any style; `title` is for screen readers."""
    code = qrcode.QRCode(border=_QUIET, error_correction=qrcode.constants.ERROR_CORRECT_M)
    code.add_data(text)
    rows = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    size = len(rows)
    return format_html(
        '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="{1}" shape-rendering="crispEdges">'
        '<rect width="{0}" height="{0}" fill="#fff"/><path d="{2}" fill="#000"/></svg>',
        size,
        title,
        path,
    )
