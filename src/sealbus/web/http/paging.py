"""Lists come in pages: `?page_size=` rows, and `next` is the URL of the next page, null on the last one.

Most lists have numbered pages (`?page=`) of up to 1000 rows. Those that grow while they are read go on behind the last row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.utils.urls import replace_query_param

if TYPE_CHECKING:
    from rest_framework.request import Request

__all__ = ["Pages", "url_behind"]


def url_behind(request: Request, name: str, place: int) -> str:
    """The URL of the page behind this one: the same query, and the place of the last row as the parameter `name`."""
    return str(replace_query_param(request.build_absolute_uri(), name, str(place)))


class Pages(PageNumberPagination):
    """The pagination of every list."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000

    def get_page_size(self, request: Request) -> int:
        """How many rows. A number out of range is refused: 100 rows for a request of 5000 would look like all of them."""
        given = request.query_params.get(self.page_size_query_param)
        if given is None:
            return self.page_size
        if not (given.isascii() and given.isdigit() and len(given) < 5 and 1 <= int(given) <= self.max_page_size):
            raise ValidationError({self.page_size_query_param: [f"write a number from 1 to {self.max_page_size}"]})
        return int(given)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """As its parent, with the bounds."""
        bounds = {self.page_query_param: {"minimum": 1}, "page_size": {"minimum": 1, "maximum": self.max_page_size}}
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        return [each | {"schema": each["schema"] | bounds[each["name"]]} for each in parameters]

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """One page. A page beyond the last is a wrong parameter (400), not a missing object."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except NotFound:
            raise ValidationError({"page": ["there is no such page"]}) from None
