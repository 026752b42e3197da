"""The bases of all REST views.

`SubjectView` refuses the query parameters that its handler does not read. `SubjectViewSet` shows the rows that
`visible_to(subject)` of its queryset leaves: an object that is not visible answers 404. The right to change a visible one
is checked by the gate, in any group, and by the service, in the group of the object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from sealbus.web.http.authentication import rest_subject
from sealbus.web.http.strict import Strict, query_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from sealbus.web.access.requirement import Requirement
    from sealbus.web.access.subject import Subject

__all__ = ["SubjectView", "SubjectViewSet"]


class SubjectView(APIView):
    """A view that declares what it requires and where it reads query parameters."""

    access: ClassVar[Mapping[str, Requirement]] = {}
    """What each action, or in a view without actions each HTTP method, requires."""

    queries: ClassVar[frozenset[str]] = frozenset()
    """The actions, or the HTTP methods in lower case, whose handlers check the query parameters with `query_of`."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse query parameters that no code reads: a misspelt `dry_run` must not become a real run, nor a misspelt
        filter all rows. All REST views pass here, so a view that declares no `queries` takes none.
        """
        super().initial(request, *args, **kwargs)
        handler = self.handler_name(request)
        if handler and handler not in self.queries:
            query_of(request, Strict, paged=handler == "list")

    def handler_name(self, request: Request) -> str:
        """The name of the handler; empty if there is none for this method: the answer is 405."""
        name = "get" if request.method == "HEAD" else str(request.method).lower()
        return name if hasattr(self, name) else ""


class SubjectViewSet(SubjectView, GenericViewSet[Any]):
    """A view set that knows its caller. Its lists come in pages."""

    def handler_name(self, request: Request) -> str:
        """The action."""
        return self.action or ""

    @property
    def subject(self) -> Subject:
        """The caller."""
        return rest_subject(self.request)

    def get_queryset(self) -> QuerySet[Any]:
        """The rows that the caller may see."""
        rows: Any = super().get_queryset()
        visible: QuerySet[Any] = rows.visible_to(self.subject)
        return visible
