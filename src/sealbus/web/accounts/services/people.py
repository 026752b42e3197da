"""Users: created, changed, deactivated and helped by administrators. No user is deleted: the audit names the account."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from sealbus.web.access.actions import Action
from sealbus.web.access.require import require, require_person
from sealbus.web.accounts.models import User
from sealbus.web.accounts.services.changing import (
    changing_rights,
    check_row,
    check_version,
    compare_and_swap,
    differing,
    unique,
)
from sealbus.web.accounts.services.ways_in import end_ways_in
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allauth.usersessions.models import UserSession

    from sealbus.web.access.subject import Actor, Subject

__all__ = [
    "UserChanges",
    "add_user",
    "change_user",
    "check_password",
    "create_user",
    "deactivate_user",
    "end_session",
    "end_sessions",
    "reset_second_factor",
]


@dataclass(frozen=True, slots=True)
class UserChanges:
    """The changes; None leaves a value as it is."""

    name: str | None = None
    email: str | None = None
    is_active: bool | None = None


def create_user(
    *, subject: Subject, username: str, password: str | None = None, name: str = "", email: str = ""
) -> User:
    """An account without any rights. Without a password, signing in is not possible before a password link was used.

    A token makes accounts without a password only. Raises Invalid by field, and Conflict if the name is taken.
    """
    if password is not None:
        require_person(subject)  # a password is a way into the account
    require(subject, Action.ADMINISTER)
    user = User(username=User.normalize_username(username), name=name, email=email)
    return add_user(by=subject.actor, user=user, password=password)


def add_user(*, by: Actor, user: User, password: str | None, more: Mapping[str, Any] | None = None) -> User:
    """Store a new user. For services that have checked the right, or a secret that replaces it.

    `more` goes into the audit with the entry.
    """
    check_row(user)
    if password is not None:
        check_password(password, user)
    user.set_password(password)
    with changing_rights():
        with unique("username"):
            user.save()
        new = {"username": user.username, "name": user.name, "email": user.email}
        append(Event(by, "user.create", _target(user), detail={"new": new, **(more or {})}))
    return user


def check_password(password: str, user: User) -> None:
    """Raise Invalid for a password that is too easy to guess."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid({"password": error.messages}) from None


def change_user(*, subject: Subject, user: User, changes: UserChanges, version: int | None = None) -> User:
    """Change a user. Raises Conflict for the last administrator.

    Deactivating ends the user's sessions, tokens and links at once; activating again does not bring them back.
    """
    require_person(subject)
    return _change_user(subject, user, changes, version)


def deactivate_user(*, subject: Subject, user: User) -> User:
    """As `change_user`, for tokens too: it takes rights away and gives none."""
    return _change_user(subject, user, UserChanges(is_active=False), None)


def end_sessions(*, subject: Subject, user: User) -> None:
    """End the sessions, tokens and password links of a user, whose password and second factors stay."""
    require(subject, Action.ADMINISTER)
    with changing_rights():
        ended = end_ways_in(user, by=subject.actor)
        append(Event(subject.actor, "session.end", _target(user), detail={"ended": ended}))


def end_session(*, subject: Subject, session: UserSession) -> None:
    """End one session. The user's other sessions, tokens and links stay; `end_sessions` ends all of them."""
    require(subject, Action.ADMINISTER)
    with changing_rights():
        session.end()
        detail = {"ended": {"sessions": 1}, "address": session.ip}
        append(Event(subject.actor, "session.end", _target(session.user), detail=detail))


def reset_second_factor(*, subject: Subject, user: User) -> None:
    """Remove all second factors of a user who has lost them, and end the user's sessions, tokens and password links.

    The demands of roles stay.
    """
    require_person(subject)
    require(subject, Action.ADMINISTER)
    with changing_rights():
        removed = Authenticator.objects.filter(user=user)
        kinds = sorted(set(removed.values_list("type", flat=True)))
        removed.delete()
        ended = end_ways_in(user, by=subject.actor)
        append(Event(subject.actor, "second-factor.reset", _target(user), detail={"old": kinds, "ended": ended}))


def _change_user(subject: Subject, user: User, changes: UserChanges, version: int | None) -> User:
    require(subject, Action.ADMINISTER)
    check_version(user, version)
    wanted: dict[str, Any] = {name: value for name, value in asdict(changes).items() if value is not None}
    if changed := differing(user, wanted):
        with changing_rights():
            detail: dict[str, Any] = compare_and_swap(user, changed, version)
            if not user.is_active:
                detail["ended"] = end_ways_in(user, by=subject.actor)
            append(Event(subject.actor, "user.change", _target(user), detail=detail))
    return user


def _target(user: User) -> Target:
    return Target("user", user.pk, user.username)
