"""`/.well-known/security.txt` (RFC 9116): where to report a vulnerability, if the operator has set a contact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from sealbus.web.access.requirement import EVERYBODY, requires

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["security_txt"]

_GOOD_FOR = timedelta(days=90)


@requires(EVERYBODY)
@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """The contact, valid for ninety days from now."""
    environment = settings.SEALBUS  # type: ignore[misc]  # ours
    if not environment.security_contact:
        raise Http404
    lines = [
        f"Contact: {environment.security_contact}",
        f"Expires: {datetime.now(UTC) + _GOOD_FOR:%Y-%m-%dT00:00:00Z}",
        "Preferred-Languages: en",
    ]
    if environment.is_https:
        lines.append(f"Canonical: {environment.public_url}/.well-known/security.txt")
    return HttpResponse("".join(f"{line}\r\n" for line in lines), content_type="text/plain; charset=utf-8")
