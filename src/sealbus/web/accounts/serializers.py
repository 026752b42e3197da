"""Accounts and rights in the API: forms are for requests, the rest for responses. Rules are in the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import NOBODY
from sealbus.web.accounts.models import ApiToken, Assignment, Group, Role, User
from sealbus.web.http.strict import Strict

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from sealbus.web.access.subject import Subject

__all__ = [
    "AssignmentForm",
    "AssignmentQuery",
    "AssignmentShown",
    "GroupChangeForm",
    "GroupForm",
    "GroupShown",
    "IssuedTokenShown",
    "LinkForm",
    "LinkShown",
    "PasswordForm",
    "RoleChangeForm",
    "RoleForm",
    "RoleShown",
    "SetUpForm",
    "SetUpShown",
    "TokenForm",
    "TokenShown",
    "UserChangeForm",
    "UserForm",
    "UserQuery",
    "UserShown",
]

_ACTIONS = [action.value for action in Action]
_MAX_PASSWORD = 256


def _password(**options: Any) -> serializers.CharField:
    """Never shown, never trimmed, and not longer than is useful to hash."""
    return serializers.CharField(max_length=_MAX_PASSWORD, trim_whitespace=False, write_only=True, **options)


class UserShown(serializers.ModelSerializer[User]):
    """A user."""

    email = serializers.CharField(read_only=True)  # may be empty

    class Meta:
        model = User
        fields = ("id", "username", "name", "email", "is_active", "created_at", "last_login", "version")
        read_only_fields = fields


class UserForm(Strict):
    """A new user."""

    username = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=150, allow_blank=True, default="")
    email = serializers.EmailField(max_length=254, allow_blank=True, default="")
    password = _password(required=False)


class UserChangeForm(Strict):
    """Changes of a user. With `version`, refused if the user has changed since."""

    name = serializers.CharField(max_length=150, allow_blank=True, required=False)
    email = serializers.EmailField(max_length=254, allow_blank=True, required=False)
    is_active = serializers.BooleanField(required=False)
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class UserQuery(Strict):
    """Filters of users."""

    is_active = serializers.BooleanField(required=False)
    username = serializers.CharField(max_length=100, required=False)


class RoleShown(serializers.ModelSerializer[Role]):
    """A role and its actions."""

    actions = serializers.SerializerMethodField()

    class Meta:
        model = Role
        fields = ("id", "name", "text", "actions", "needs_second_factor", "version")
        read_only_fields = fields

    def get_actions(self, role: Role) -> list[str]:
        """In alphabetical order."""
        return sorted(grant.action for grant in role.grants.all())


class RoleForm(Strict):
    """A new role."""

    name = serializers.CharField(max_length=100)
    text = serializers.CharField(max_length=500, allow_blank=True, default="")
    actions = serializers.ListField(child=serializers.ChoiceField(_ACTIONS), max_length=len(_ACTIONS))
    needs_second_factor = serializers.BooleanField(default=False)


class RoleChangeForm(Strict):
    """Changes of a role. With `version`, refused if the role has changed since."""

    name = serializers.CharField(max_length=100, required=False)
    text = serializers.CharField(max_length=500, allow_blank=True, required=False)
    actions = serializers.ListField(child=serializers.ChoiceField(_ACTIONS), max_length=len(_ACTIONS), required=False)
    needs_second_factor = serializers.BooleanField(required=False)
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class GroupShown(serializers.ModelSerializer[Group]):
    """A device group."""

    class Meta:
        model = Group
        fields = ("id", "name", "text", "archived_at", "version")
        read_only_fields = fields


class GroupForm(Strict):
    """A new group."""

    name = serializers.CharField(max_length=100)
    text = serializers.CharField(max_length=500, allow_blank=True, default="")


class GroupChangeForm(Strict):
    """Changes of a group. With `version`, refused if the group has changed since."""

    name = serializers.CharField(max_length=100, required=False)
    text = serializers.CharField(max_length=500, allow_blank=True, required=False)
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class AssignmentShown(serializers.ModelSerializer[Assignment]):
    """Which user has which role where; `group` null means all groups."""

    class Meta:
        model = Assignment
        fields = ("id", "user", "role", "group")
        read_only_fields = fields


class AssignmentForm(Strict):
    """A role for a user; `group` must be sent: null means all groups."""

    user = serializers.PrimaryKeyRelatedField(queryset=User.objects.all())
    role = serializers.PrimaryKeyRelatedField(queryset=Role.objects.all())
    group = serializers.PrimaryKeyRelatedField(queryset=Group.objects.all(), allow_null=True)


class AssignmentQuery(Strict):
    """Filters of assignments."""

    user = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    role = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    group = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)


class TokenShown(serializers.ModelSerializer[ApiToken]):
    """A token without its secret; `groups` null means all groups."""

    owner = serializers.CharField(source="user.username")
    groups = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(source="created")
    expires_at = serializers.DateTimeField(source="expiry")

    class Meta:
        model = ApiToken
        fields = (
            "id", "owner", "name", "token_key", "actions", "groups", "networks", "created_at", "expires_at",
            "last_used_at", "last_used_from", "revoked_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_groups(self, token: ApiToken) -> list[int] | None:
        """Their ids."""
        return None if token.all_groups else sorted(group.pk for group in token.groups.all())


class IssuedTokenShown(TokenShown):
    """A token and its secret, which is shown only here."""

    secret = serializers.SerializerMethodField()

    class Meta:
        model = ApiToken
        fields = (*TokenShown.Meta.fields, "secret")
        read_only_fields = fields

    def get_secret(self, token: ApiToken) -> str:
        """For the header `Authorization: Token ...`."""
        return str(self.context["secret"])


class _VisibleGroup(serializers.PrimaryKeyRelatedField[Group]):
    """A group that the caller may see; any other answers as one that does not exist."""

    def get_queryset(self) -> QuerySet[Group]:
        subject: Subject = self.context.get("subject", NOBODY)
        return Group.objects.visible_to(subject).live()


class TokenForm(Strict):
    """A new token."""

    name = serializers.CharField(max_length=100)
    actions = serializers.ListField(child=serializers.ChoiceField(_ACTIONS), min_length=1, max_length=len(_ACTIONS))
    groups = _VisibleGroup(queryset=Group.objects.none(), many=True, default=list)
    all_groups = serializers.BooleanField(default=False)
    networks = serializers.ListField(child=serializers.CharField(max_length=64), max_length=50, default=list)
    expires_at = serializers.DateTimeField()


class LinkForm(Strict):
    """The secret of a link: the part behind its `#`."""

    secret = serializers.CharField(max_length=200)


class PasswordForm(LinkForm):
    """A new password by link."""

    password = _password()


class SetUpForm(PasswordForm):
    """The first administrator."""

    username = serializers.CharField(max_length=100)


class SetUpShown(serializers.Serializer[Any]):
    """Whether the site waits for its first administrator."""

    open = serializers.BooleanField()


class LinkShown(serializers.Serializer[Any]):
    """A link. Its secret is shown only here."""

    url = serializers.CharField()
    expires_at = serializers.DateTimeField()
