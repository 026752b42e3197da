"""Pages of a list, and the address that keeps the filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, QueryDict

__all__ = ["ROWS", "Paged", "id_in", "number_in", "page_number"]

ROWS = 100
_MAX_PAGE = 100_000
_MAX_ID = 2**63 - 1
_DIGITS = 19


@dataclass(frozen=True, slots=True)
class Paged:
    """One page of a list of `count` rows."""

    rows: Sequence[Any]
    count: int
    number: int
    query: str
    """The filters as a query, without the page."""

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.count // ROWS))

    @property
    def first(self) -> int:
        """The number of its first row, from 1."""
        return (self.number - 1) * ROWS + 1 if self.count else 0

    @property
    def last(self) -> int:
        """The number of its last row."""
        return min(self.count, self.number * ROWS)

    @property
    def before(self) -> str:
        """The query of the page before it; empty: there is none."""
        return self._at(self.number - 1) if self.number > 1 else ""

    @property
    def after(self) -> str:
        """The query of the next page; empty: there is none."""
        return self._at(self.number + 1) if self.number < self.pages else ""

    def _at(self, number: int) -> str:
        return f"?{self.query}&page={number}" if self.query else f"?page={number}"

    @classmethod
    def of(cls, request: HttpRequest, rows: Any, count: int) -> Paged:
        """The page of these rows that the request asks for; a number past the end is the last page."""
        number = min(page_number(request), max(1, -(-count // ROWS)))
        return cls(rows[(number - 1) * ROWS : number * ROWS], count, number, _filters_of(request))


def page_number(request: HttpRequest) -> int:
    """The page that is asked for, from 1."""
    return min(max(1, number_in(request.GET, "page") or 1), _MAX_PAGE)


def number_in(query: QueryDict, name: str) -> int | None:
    """A number of a query; None without, or where it is none."""
    return id_in(query.get(name, ""))


def id_in(text: str) -> int | None:
    """A whole number from 1 on that a column can hold; None where the text is none."""
    is_short = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if is_short and 0 < int(text) <= _MAX_ID else None


def _filters_of(request: HttpRequest) -> str:
    """The query without the page and without empty filters."""
    query = request.GET.copy()
    query.pop("page", None)
    for name in [name for name, value in query.items() if not value]:
        del query[name]
    return query.urlencode()
