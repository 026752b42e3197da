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

    def get_page_size(self, request: Request) -> int:
        """How many rows. Any other number is refused: who asks for 5000 and gets 100 believes that there is no more."""
        given = request.query_params.get(self.page_size_query_param)
        if given is None:
            return self.page_size
        if not (given.isascii() and given.isdigit() and len(given) < 5 and 1 <= int(given) <= self.max_page_size):
            raise ValidationError({self.page_size_query_param: [f"give 1 to {self.max_page_size}"]})
        return int(given)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """As its parent, with the bounds."""
        bounds = {self.page_query_param: {"minimum": 1}, "page_size": {"minimum": 1, "maximum": self.max_page_size}}
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        return [each | {"schema": each["schema"] | bounds[each["name"]]} for each in parameters]

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
