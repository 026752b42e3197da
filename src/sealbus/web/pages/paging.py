"""Lists in numbered pages of a hundred rows, with the query of the URL kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest

__all__ = ["ROWS", "Paged", "paged"]

ROWS = 100
_MAX_PAGE = 100_000
_Row = TypeVar("_Row", bound="Model")


@dataclass(frozen=True, slots=True)
class Paged(Generic[_Row]):
    """One page of a list. `before` and `after` are the queries of its neighbours, empty where there is none."""

    rows: Sequence[_Row]
    total: int
    first: int
    last: int
    before: str
    after: str


def paged(request: HttpRequest, rows: QuerySet[_Row]) -> Paged[_Row]:
    """The page that `?page=` names. Two statements; one where the list is empty."""
    text = request.GET.get("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1
    total = rows.count()
    number = max(1, min(number, _MAX_PAGE, -(-total // ROWS)))
    start = (number - 1) * ROWS
    found = list(rows[start : start + ROWS]) if total else []
    last = start + len(found)
    return Paged(
        found,
        total,
        start + 1 if found else 0,
        last,
        _query(request, number - 1) if number > 1 else "",
        _query(request, number + 1) if last < total else "",
    )


def _query(request: HttpRequest, number: int) -> str:
    query = request.GET.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"
