"""The base of REST view sets.

`SubjectViewSet` shows the rows that `visible_to(subject)` of its queryset leaves: an object that is not visible answers
404. The right to change a visible one is checked by the gate, in any group, and by the service, in the group of the object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.viewsets import GenericViewSet

from sealbus.web.http.authentication import rest_subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from sealbus.web.access.requirement import Requirement
    from sealbus.web.access.subject import Subject

__all__ = ["SubjectViewSet"]


class SubjectViewSet(GenericViewSet[Any]):
    """A view set that knows its caller."""

    access: ClassVar[Mapping[str, Requirement]] = {}
    """What each action requires."""

    queries: ClassVar[frozenset[str]] = frozenset()
    """The actions with a body that take query parameters too."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse query parameters that no code reads: a misspelt `dry_run` must not become a real run."""
        super().initial(request, *args, **kwargs)
        if self.action and request.method not in SAFE_METHODS and self.action not in self.queries:
            wrong = {name: ["this takes no query parameters"] for name in request.query_params}
            if wrong:
                raise exceptions.ValidationError(wrong)

    @property
    def subject(self) -> Subject:
        """The caller."""
        return rest_subject(self.request)

    def get_queryset(self) -> QuerySet[Any]:
        """The rows that the caller may see."""
        rows: Any = super().get_queryset()
        visible: QuerySet[Any] = rows.visible_to(self.subject)
        return visible
