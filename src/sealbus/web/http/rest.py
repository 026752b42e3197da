"""The bases of REST view sets.

`SubjectViewSet` shows the rows that `visible_to(subject)` of its queryset leaves: an object that is not visible answers
404. Services check the right to change it. `ScopedViewSet` does the same by `group_path`, and checks the right of its
action in the group of the object, for models whose QuerySet has no `visible_to` yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Q
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.viewsets import GenericViewSet

from sealbus.web.access.actions import Action
from sealbus.web.access.gate import refused
from sealbus.web.access.requirement import Requirement, Verdict
from sealbus.web.errors import Forbidden
from sealbus.web.http.authentication import rest_subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import Model, QuerySet
    from rest_framework.request import Request

    from sealbus.web.access.subject import Subject

__all__ = ["ScopedViewSet", "SubjectViewSet"]


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


class ScopedViewSet(SubjectViewSet):
    """A view set whose objects belong to device groups by `group_path`."""

    group_path: ClassVar[str] = "group"
    """From an object to its group, as a lookup: "group", "device__group"; empty where objects have none."""

    def get_queryset(self) -> QuerySet[Any]:
        """The rows that the caller may see."""
        rows: QuerySet[Any] = super(SubjectViewSet, self).get_queryset()
        groups = self.subject.rights.groups(Action.VIEW)
        if not self.group_path or groups is None:
            return rows
        return rows.filter(Q(**{f"{self.group_path}__in": groups}))

    def get_object(self) -> Any:
        """The object of the URL. Raises Forbidden without this action's right in its group; 404 if not visible."""
        found = super().get_object()
        self.check_group(self.group_of(found))
        return found

    def group_of(self, found: Model) -> int | None:
        """The id of an object's group."""
        value: Any = found
        for step in self.group_path.split("__"):
            if not step or value is None:
                return None
            value = getattr(value, step)
        return None if value is None else int(value.pk)

    def check_group(self, group_id: int | None) -> None:
        """Raise Forbidden, and have it recorded, unless the caller has this action's right in that group (None: all)."""
        requirement = self.access.get(self.action)
        if requirement is None or requirement.action is None:
            return
        self.check_right(requirement.action, group_id)

    def check_right(self, action: Action, group_id: int | None) -> None:
        """Raise Forbidden, and have it recorded, unless the caller has this right in that group (None: in all)."""
        if self.subject.rights.allows(action, group_id):
            return
        refused.send(
            type(self), subject=self.subject, verdict=Verdict.REFUSED, method=self.request.method,
            path=self.request.path, route=self.action,
        )  # fmt: skip
        raise Forbidden("You do not have the right to do this there")
