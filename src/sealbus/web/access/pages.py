"""How lists come in pages, and how answers are rendered: JSON, with problems marked as such."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.renderers import JSONRenderer

from sealbus.web.access.problems import CONTENT_TYPE

if TYPE_CHECKING:
    from rest_framework.request import Request

__all__ = ["Pages", "ProblemRenderer"]


class Pages(PageNumberPagination):
    """`?page=` and `?page_size=`, up to 1000 rows."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """One page. A page that is not there is a parameter that is wrong, as any other."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except NotFound:
            raise ValidationError({"page": ["there is no such page"]}) from None


class ProblemRenderer(JSONRenderer):
    """JSON; a problem says so in its content type."""

    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Render, and mark errors."""
        response = (renderer_context or {}).get("response")
        if response is not None and response.status_code >= 400 and isinstance(data, dict) and "type" in data:
            response.headers["Content-Type"] = CONTENT_TYPE
        return bytes(super().render(data, accepted_media_type, renderer_context))
