"""Users for tests: a user with exactly these rights, and a client that is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.test import APIClient

from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import ApiToken, Assignment, Grant, Group, Role, User
from sealbus.web.accounts.subjects import subject_of_user

if TYPE_CHECKING:
    from sealbus.web.access.subject import Subject

__all__ = ["ALL_ACTIONS", "a_subject", "a_token", "a_user", "signed_in"]

ALL_ACTIONS = tuple(Action)


def a_user(name: str = "anna", *actions: Action, group: Group | None = None) -> User:
    """A user with these actions in this group, or in all groups."""
    user = User.objects.filter(username=name).first() or User.objects.create_user(name, "correct horse battery")
    role = Role.objects.create(name=f"{name} {Role.objects.count()}")
    Grant.objects.bulk_create(Grant(role=role, action=action.value) for action in actions)
    Assignment.objects.create(user=user, role=role, group=group)
    return user


def a_subject(user: User) -> Subject:
    """The subject of a session of this user."""
    return subject_of_user(User.objects.get(pk=user.pk), address="192.0.2.1", has_second_factor=True)


def signed_in(user: User) -> APIClient:
    """A client in a session of this user."""
    client = APIClient()
    client.force_login(user)
    return client


def a_token(user: User, *actions: Action, **fields: Any) -> tuple[ApiToken, APIClient]:
    """A token of this user for all groups with these actions, and a client that sends it."""
    fields = {"name": "script", "actions": [action.value for action in actions], "all_groups": True} | fields
    token, secret = ApiToken.objects.create(user=user, **fields)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    return token, client
