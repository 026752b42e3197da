"""`/users`, `/roles`, `/groups`, `/assignments`: for administrators of the whole site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.response import Response

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.accounts import services
from sealbus.web.accounts.models import Assignment, Group, Role, User
from sealbus.web.accounts.serializers import (
    AssignmentForm,
    AssignmentQuery,
    AssignmentShown,
    GroupChangeForm,
    GroupForm,
    GroupShown,
    LinkShown,
    RoleChangeForm,
    RoleForm,
    RoleShown,
    UserChangeForm,
    UserForm,
    UserQuery,
    UserShown,
)
from sealbus.web.http.rest import SubjectViewSet
from sealbus.web.http.strict import body_of, query_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

__all__ = ["AssignmentsView", "GroupsView", "RolesView", "UsersView"]

_ADMINISTER = may(Action.ADMINISTER)
_GIVE = may(Action.ADMINISTER, people_only=True)
"""For changes of rights, or of ways into an account. Not for tokens: a token could give itself more than it has."""


class _Administered(mixins.RetrieveModelMixin, mixins.ListModelMixin, SubjectViewSet):
    """Rows of the whole site: they belong to no group."""

    lookup_value_regex = r"[0-9]{1,18}"


class UsersView(_Administered):
    """Users. Deleting a user deactivates the account."""

    queries: ClassVar[frozenset[str]] = frozenset({"list"})
    queryset = User.objects.all()
    serializer_class = UserShown
    access: ClassVar[Mapping[str, Requirement]] = dict.fromkeys(
        ("list", "retrieve", "create", "destroy", "end_sessions"), _ADMINISTER,
    ) | dict.fromkeys(("partial_update", "password_link", "reset_second_factor"), _GIVE)  # fmt: skip

    def get_queryset(self) -> QuerySet[User]:
        """All, or those that the query selects."""
        users: QuerySet[User] = super().get_queryset()
        return users.filter(**query_of(self.request, UserQuery, paged=True)) if self.action == "list" else users

    @extend_schema(parameters=[UserQuery])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Users by name."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=UserForm, responses={201: UserShown})
    def create(self, request: Request) -> Response:
        """A user without rights, and without a password unless one is sent."""
        user = services.create_user(subject=self.subject, **body_of(request, UserForm))
        return Response(UserShown(user).data, status=201)

    @extend_schema(request=UserChangeForm, responses=UserShown)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change or deactivate a user. 409 for the last administrator."""
        user = self.get_object()
        body = dict(body_of(request, UserChangeForm))
        version = body.pop("version", None)
        changes = services.UserChanges(**body)
        services.change_user(subject=self.subject, user=user, changes=changes, version=version)
        return Response(UserShown(user).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Deactivate a user. 409 for the last administrator."""
        services.deactivate_user(subject=self.subject, user=self.get_object())
        return Response(status=204)

    @extend_schema(request=None, responses={201: LinkShown})
    @action(detail=True, methods=["post"], url_path="password-link")
    def password_link(self, request: Request, pk: str) -> Response:
        """A link with which this user sets a new password."""
        made = services.password_link(subject=self.subject, user=self.get_object())
        return Response(LinkShown(made).data, status=201)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path="end-sessions")
    def end_sessions(self, request: Request, pk: str) -> Response:
        """End all sessions, tokens and password links of a user."""
        services.end_sessions(subject=self.subject, user=self.get_object())
        return Response(status=204)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path="reset-second-factor")
    def reset_second_factor(self, request: Request, pk: str) -> Response:
        """Remove the second factors of a user who has lost them, and end the user's sessions, tokens and password links."""
        services.reset_second_factor(subject=self.subject, user=self.get_object())
        return Response(status=204)


class RolesView(_Administered):
    """Roles. The shipped ones are changed and deleted like any other."""

    queryset = Role.objects.prefetch_related("grants")
    serializer_class = RoleShown
    access: ClassVar[Mapping[str, Requirement]] = {
        **dict.fromkeys(("list", "retrieve", "destroy"), _ADMINISTER),
        **dict.fromkeys(("create", "partial_update"), _GIVE),
    }

    @extend_schema(request=RoleForm, responses={201: RoleShown})
    def create(self, request: Request) -> Response:
        """A new role."""
        role = services.create_role(subject=self.subject, wanted=services.RoleChanges.of(body_of(request, RoleForm)))
        return Response(RoleShown(role).data, status=201)

    @extend_schema(request=RoleChangeForm, responses=RoleShown)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a role for all users who have it. 409 if no administrator would remain."""
        role = self.get_object()
        body = body_of(request, RoleChangeForm)
        changes = services.RoleChanges.of(body)
        services.change_role(subject=self.subject, role=role, changes=changes, version=body.get("version"))
        return Response(RoleShown(Role.objects.get(pk=role.pk)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a role, and take it from all users. 409 if no administrator would remain."""
        services.delete_role(subject=self.subject, role=self.get_object())
        return Response(status=204)


class GroupsView(_Administered):
    """Device groups in which the caller may view something. Deleting one archives it."""

    queryset = Group.objects.all()
    serializer_class = GroupShown
    access: ClassVar[Mapping[str, Requirement]] = {
        "list": Requirement(),
        "retrieve": Requirement(),
        **dict.fromkeys(("create", "partial_update", "destroy", "restore"), _ADMINISTER),
    }

    @extend_schema(request=GroupForm, responses={201: GroupShown})
    def create(self, request: Request) -> Response:
        """A new group."""
        group = services.create_group(subject=self.subject, **body_of(request, GroupForm))
        return Response(GroupShown(group).data, status=201)

    @extend_schema(request=GroupChangeForm, responses=GroupShown)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change the name or the text of a group."""
        group = self.get_object()
        body = dict(body_of(request, GroupChangeForm))
        version = body.pop("version", None)
        services.change_group(subject=self.subject, group=group, changes=body, version=version)
        return Response(GroupShown(group).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Archive a group. Refused (409) while connections or devices are in it."""
        services.archive_group(subject=self.subject, group=self.get_object())
        return Response(status=204)

    @extend_schema(request=None, responses=GroupShown)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Restore an archived group."""
        group = self.get_object()
        services.restore_group(subject=self.subject, group=group)
        return Response(GroupShown(group).data)


class AssignmentsView(_Administered):
    """Which user has which role where."""

    queries: ClassVar[frozenset[str]] = frozenset({"list"})
    queryset = Assignment.objects.select_related("user", "role", "group").order_by("pk")
    serializer_class = AssignmentShown
    access: ClassVar[Mapping[str, Requirement]] = dict.fromkeys(("list", "retrieve", "create", "destroy"), _ADMINISTER)

    def get_queryset(self) -> QuerySet[Assignment]:
        """All, or those that the query selects."""
        held: QuerySet[Assignment] = super().get_queryset()
        return held.filter(**query_of(self.request, AssignmentQuery, paged=True)) if self.action == "list" else held

    @extend_schema(parameters=[AssignmentQuery])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """All assignments."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=AssignmentForm, responses={201: AssignmentShown})
    def create(self, request: Request) -> Response:
        """Give a user a role in one group, or in all (`group` null)."""
        held = services.assign(subject=self.subject, **body_of(request, AssignmentForm))
        return Response(AssignmentShown(held).data, status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Take a role away. 409 if no administrator would remain."""
        services.unassign(subject=self.subject, assignment=self.get_object())
        return Response(status=204)
