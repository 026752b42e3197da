"""Serializers of `/me` and of the review of rights: rights as lists of actions and groups."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import Rights, Subject
from sealbus.web.accounts.models import User
from sealbus.web.accounts.serializers import TokenShown

__all__ = [
    "HeldRoleShown",
    "MeShown",
    "ReviewShown",
    "RightShown",
    "SecondFactorShown",
    "shown_rights",
    "shown_subject",
]


class RightShown(serializers.Serializer[Any]):
    """An action and where it is allowed; `groups` null means all groups."""

    action = serializers.ChoiceField([action.value for action in Action])
    groups = serializers.ListField(child=serializers.IntegerField(), allow_null=True)


class SecondFactorShown(serializers.Serializer[Any]):
    """`needed`: rights are withheld until one is used in this session."""

    kinds = serializers.ListField(child=serializers.CharField())
    used = serializers.BooleanField()
    needed = serializers.BooleanField()


class MeShown(serializers.Serializer[Any]):
    """The caller and the caller's rights."""

    kind = serializers.CharField()
    name = serializers.CharField()
    user_id = serializers.IntegerField(allow_null=True)
    address = serializers.CharField()
    rights = RightShown(many=True)
    second_factor = SecondFactorShown()


class HeldRoleShown(serializers.Serializer[Any]):
    """A role and where the user has it; `group` null means all groups."""

    role = serializers.CharField(source="role.name")
    group = serializers.CharField(source="group.name", allow_null=True, default=None)


class ReviewShown(serializers.ModelSerializer[User]):
    """What one user can do, and the last login."""

    roles = HeldRoleShown(source="assignments", many=True)
    rights = serializers.SerializerMethodField()
    second_factors = serializers.SerializerMethodField()
    lacks_second_factor = serializers.SerializerMethodField()
    tokens = TokenShown(source="auth_token_set", many=True)

    class Meta:
        model = User
        fields = (
            "id", "username", "name", "is_active", "last_login", "roles", "rights", "second_factors",
            "lacks_second_factor", "tokens",
        )  # fmt: skip
        read_only_fields = fields

    def get_rights(self, user: User) -> list[dict[str, Any]]:
        """As `/me` shows them; for a deactivated user the rights that activation would give."""
        pairs = frozenset(
            (Action(grant.action), held.group_id) for held in user.assignments.all() for grant in held.role.grants.all()
        )
        return shown_rights(Rights(pairs))

    def get_second_factors(self, user: User) -> list[str]:
        """The kinds that the user has."""
        return sorted({str(each.type) for each in user.authenticator_set.all()})  # type: ignore[attr-defined]  # allauth

    def get_lacks_second_factor(self, user: User) -> bool:
        """Whether a role demands one that the user does not have."""
        return not self.get_second_factors(user) and any(
            held.role.needs_second_factor for held in user.assignments.all()
        )


def shown_rights(rights: Rights) -> list[dict[str, Any]]:
    """Each action that is allowed anywhere, with its groups; null means all groups."""
    shown = []
    for action in Action:
        groups = rights.groups(action)
        if groups is None or groups:
            shown.append({"action": action.value, "groups": None if groups is None else sorted(groups)})
    return shown


def shown_subject(subject: Subject, kinds: list[str], used: bool) -> dict[str, Any]:
    """The members of `MeShown`."""
    return {
        "kind": subject.actor.kind.value,
        "name": subject.actor.name,
        "user_id": subject.user_id,
        "address": subject.actor.address,
        "rights": shown_rights(subject.rights),
        "second_factor": {"kinds": kinds, "used": used, "needed": subject.needs_second_factor},
    }
