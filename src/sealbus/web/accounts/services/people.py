"""Users: made, changed, switched off and helped by administrators. Nobody is deleted: the audit names him."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone

from sealbus.web.accounts.models import ApiToken, OneTimeLink, User
from sealbus.web.accounts.services.changing import changing_rights, save_changes, unique
from sealbus.web.audit.services import Event, Target, append

if TYPE_CHECKING:
    from sealbus.web.access.subject import Actor

__all__ = ["UserChanges", "change_user", "check_password", "create_user", "end_sessions", "reset_second_factor"]


@dataclass(frozen=True, slots=True)
class UserChanges:
    """What is to change; None leaves it as it is."""

    name: str | None = None
    email: str | None = None
    is_active: bool | None = None


def create_user(*, by: Actor, username: str, password: str | None = None, name: str = "", email: str = "") -> User:
    """An account without any rights. Without a password, nobody can sign in to it before a password link was used.

    Raises ValidationError by field, also where the name is taken.
    """
    user = User(username=User.normalize_username(username), name=name, email=email)
    user.full_clean(exclude={"password"})
    if password is not None:
        check_password(password, user)
    user.set_password(password)
    with changing_rights():
        with unique("username"):
            user.save()
        new = {"username": user.username, "name": name, "email": email}
        append(Event(by, "user.create", _target(user), detail={"new": new}))
    return user


def check_password(password: str, user: User) -> None:
    """Raises ValidationError, by field, for a password that is too easy."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from None


def change_user(*, by: Actor, user: User, changes: UserChanges, version: int | None = None) -> User:
    """Change a user; one who is switched off is out at once, and what was open does not come back with him.

    Raises Conflict for the last administrator.
    """
    wanted: dict[str, Any] = {name: value for name, value in asdict(changes).items() if value is not None}
    with changing_rights():
        detail = save_changes(user, wanted, version)
        if detail:
            append(Event(by, "user.change", _target(user), detail=detail))
        if not user.is_active:
            _end_all(user)
            ApiToken.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
            OneTimeLink.objects.filter(user=user, used_at=None).delete()
    return user


def end_sessions(*, by: Actor, user: User) -> None:
    """End all sessions of a user. His tokens stay."""
    with changing_rights():
        count = _end_all(user)
        append(Event(by, "session.end", _target(user), detail={"sessions": count}))


def reset_second_factor(*, by: Actor, user: User) -> None:
    """Remove all second factors of somebody who has lost them, and end his sessions. What his roles demand stays."""
    with changing_rights():
        removed = Authenticator.objects.filter(user=user)
        kinds = sorted(set(removed.values_list("type", flat=True)))
        removed.delete()
        _end_all(user)
        append(Event(by, "second-factor.reset", _target(user), detail={"old": kinds}))


def _target(user: User) -> Target:
    return Target("user", user.pk, user.username)


def _end_all(user: User) -> int:
    sessions = list(UserSession.objects.filter(user=user))
    for session in sessions:
        session.end()
    return len(sessions)
