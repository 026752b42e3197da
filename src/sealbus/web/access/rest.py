"""What REST views of things in device groups stand on.

`ScopedViewSet` narrows every queryset to the groups in which the caller may see, so what he may not see does not exist
(404), and asks for the right that its action declares in the group of the object before anything is done to it (403).
A view that lists `access` and sets `group_path` cannot forget either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Q
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.viewsets import GenericViewSet

from sealbus.web.access.actions import Action
from sealbus.web.access.authentication import rest_subject
from sealbus.web.access.gate import refused
from sealbus.web.access.requirement import Requirement, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import Model, QuerySet
    from rest_framework.request import Request

    from sealbus.web.access.subject import Subject

__all__ = ["ScopedViewSet"]


class ScopedViewSet(GenericViewSet[Any]):
    """A view set whose objects belong to device groups."""

    access: ClassVar[Mapping[str, Requirement]] = {}
    """What each action requires."""
    group_path: ClassVar[str] = "group"
    """From an object to its group, as a lookup: "group", "device__group"; empty where objects have none."""

    queries: ClassVar[frozenset[str]] = frozenset()
    """The actions with a body that take query parameters besides."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse query parameters that nobody would read: one that is believed to be a dry run must not be a real one."""
        super().initial(request, *args, **kwargs)
        if self.action and request.method not in SAFE_METHODS and self.action not in self.queries:
            wrong = {name: ["this takes no query parameters"] for name in request.query_params}
            if wrong:
                raise exceptions.ValidationError(wrong)

    @property
    def subject(self) -> Subject:
        """Who asks."""
        return rest_subject(self.request)

    def get_queryset(self) -> QuerySet[Any]:
        """What the caller may see."""
        rows = super().get_queryset()
        groups = self.subject.rights.groups(Action.VIEW)
        if not self.group_path or groups is None:
            return rows
        return rows.filter(Q(**{f"{self.group_path}__in": groups}))

    def get_object(self) -> Any:
        """The object of the URL, with the right that this action needs in its group; 404 where he may not see it."""
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
        """Refuse, and have it recorded, unless the caller has this action's right in that group (None: in all)."""
        requirement = self.access.get(self.action)
        if requirement is None or requirement.action is None:
            return
        self.check_right(requirement.action, group_id)

    def check_right(self, action: Action, group_id: int | None) -> None:
        """Refuse, and have it recorded, unless the caller has this right in that group (None: in all)."""
        if self.subject.rights.allows(action, group_id):
            return
        refused.send(
            type(self), subject=self.subject, verdict=Verdict.REFUSED, method=self.request.method,
            path=self.request.path, route=self.action,
        )  # fmt: skip
        raise exceptions.PermissionDenied("You do not have the right to do this there", code="no-right")
