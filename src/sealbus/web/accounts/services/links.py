"""Links that work once: for the first account, for a new password, for a view in an emergency.

A link ends in `#secret`: the part behind `#` never reaches a log or a referrer. Only the hash of the secret is stored. A
new link of its kind ends the one before. It is used by compare-and-swap: of two uses at the same moment, one succeeds.
The emergency link needs no account and no password, and has no limit that an attacker could use up, so no one can lock
the operators out of watching the plant. The session that it opens lasts as long as the link would have.

Links for the shell ask for no right: a user of the shell of the site's machine can read and write the database.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.access.require import require, require_person
from sealbus.web.access.subject import SHELL, Actor, ActorKind
from sealbus.web.accounts.models import Assignment, Grant, OneTimeLink, Role, User
from sealbus.web.accounts.queries import administrators
from sealbus.web.accounts.services.changing import changing_rights
from sealbus.web.accounts.services.people import add_user, check_password
from sealbus.web.accounts.services.refusals import record_refusal
from sealbus.web.accounts.services.ways_in import end_ways_in
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.errors import Conflict, Forbidden, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from sealbus.web.access.subject import Subject

__all__ = [
    "MadeLink",
    "emergency_link",
    "open_emergency",
    "password_link",
    "set_password",
    "set_up",
    "setup_link",
    "setup_open",
]

_SETUP_LIFE = timedelta(hours=24)
_PASSWORD_LIFE = timedelta(hours=24)
_MAX_EMERGENCY_H = 72
_Kind = OneTimeLink.Kind


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A link. Its secret is shown only here."""

    url: str
    expires_at: datetime


def setup_open() -> bool:
    """Whether the site waits for its first administrator."""
    return not administrators().exists()


def setup_link() -> str:
    """The URL that creates the first administrator. Raises Conflict if there is one."""
    with changing_rights():
        _refuse_setup_when_closed()
        made = _make(_Kind.SETUP, _SETUP_LIFE)
        append(Event(SHELL.actor, "setup.link", detail={"expires_at": made.expires_at.isoformat()}))
    return made.url


def set_up(*, secret: str, username: str, password: str, address: str) -> User:
    """Create the first administrator. Raises Forbidden for a bad secret, Invalid by field, Conflict if there is one."""
    actor = Actor(ActorKind.NOBODY, name="setup", address=address)
    with _refusals_recorded(_Kind.SETUP, actor), changing_rights():
        _refuse_setup_when_closed()
        _use(_Kind.SETUP, secret)
        user = add_user(by=actor, user=User(username=User.normalize_username(username)), password=password)
        role = _administrating_role()
        Assignment.objects.create(user=user, role=role)
        append(Event(actor, "setup.done", Target("user", user.pk, user.username), detail={"role": role.name}))
    return user


def emergency_link(hours: float) -> str:
    """For the shell: a URL that opens a view of everything, without an account, for some hours. Ends the one before."""
    if not 0 < hours <= _MAX_EMERGENCY_H:
        raise Invalid({"hours": [f"write a number above 0, up to {_MAX_EMERGENCY_H}; renew the link afterwards"]})
    with changing_rights():
        made = _make(_Kind.EMERGENCY, timedelta(hours=hours))
        append(Event(SHELL.actor, "emergency.link", detail={"expires_at": made.expires_at.isoformat()}))
    return made.url


def open_emergency(*, secret: str, address: str) -> OneTimeLink:
    """Use an emergency link. The session keeps the id of the link. Raises Forbidden for a bad secret."""
    actor = Actor(ActorKind.EMERGENCY, name="emergency", address=address)
    with _refusals_recorded(_Kind.EMERGENCY, Actor(ActorKind.NOBODY, address=address)), changing_rights():
        link = _use(_Kind.EMERGENCY, secret)
        append(Event(actor, "emergency.open", detail={"expires_at": link.expires_at.isoformat()}))
    return link


def password_link(*, subject: Subject, user: User) -> MadeLink:
    """A link with which this user sets a new password. Raises Conflict for a deactivated user."""
    require_person(subject)
    require(subject, Action.ADMINISTER)
    if not user.is_active:
        raise Conflict("This user is deactivated", code="switched-off")
    with changing_rights():
        made = _make(_Kind.PASSWORD, _PASSWORD_LIFE, user)
        detail = {"expires_at": made.expires_at.isoformat()}
        append(Event(subject.actor, "password.link", Target("user", user.pk, user.username), detail=detail))
    return made


def set_password(*, secret: str, password: str, address: str) -> User:
    """Set a new password by link, and end the user's sessions, tokens and other links.

    Raises Forbidden for a bad secret, or Invalid by field.
    """
    with _refusals_recorded(_Kind.PASSWORD, Actor(ActorKind.NOBODY, address=address)), changing_rights():
        link = _use(_Kind.PASSWORD, secret)
        user = link.user
        if user is None or not user.is_active:
            raise Forbidden("This link is not valid", code="link-not-valid")
        check_password(password, user)
        user.set_password(password)
        user.save(update_fields=("password",))
        actor = Actor(ActorKind.USER, user.pk, user.username, address)
        detail = {"by": "link", "ended": end_ways_in(user, by=actor)}
        append(Event(actor, "password.set", Target("user", user.pk, user.username), detail=detail))
    return user


def _refuse_setup_when_closed() -> None:
    if not setup_open():
        raise Conflict("This site has been set up", code="set-up-already")


def _make(kind: OneTimeLink.Kind, life: timedelta, user: User | None = None) -> MadeLink:
    secret = secrets.token_urlsafe(32)
    _of_kind(kind).filter(user=user).delete()
    link = OneTimeLink.objects.create(kind=kind, digest=_digest(secret), user=user, expires_at=timezone.now() + life)
    site = settings.SEALBUS.public_url  # type: ignore[misc]  # ours
    return MadeLink(f"{site}/{kind.value}#{secret}", link.expires_at)


def _use(kind: OneTimeLink.Kind, secret: str) -> OneTimeLink:
    """The link of this secret, used now. If the transaction fails afterwards, the link is still unused."""
    good = _of_kind(kind).filter(digest=_digest(secret), used_at=None, expires_at__gt=timezone.now())
    link = good.select_related("user").first()
    if link is None or not good.update(used_at=timezone.now()):
        raise Forbidden("This link is not valid: used, too old, or replaced", code="link-not-valid")
    return link


@contextmanager
def _refusals_recorded(kind: OneTimeLink.Kind, actor: Actor) -> Iterator[None]:
    """Around the transaction: a refusal rolls that back, and its record must stay."""
    try:
        yield
    except Forbidden:
        record_refusal(actor=actor, action=f"{kind.value}.open", detail={"reason": "the link is not valid"})
        raise


def _of_kind(kind: OneTimeLink.Kind) -> QuerySet[OneTimeLink]:
    return OneTimeLink.objects.filter(kind=kind)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _administrating_role() -> Role:
    """The role with the most actions among those that administer; a new one if all were deleted."""
    roles = Role.objects.filter(pk__in=Grant.objects.filter(action=Action.ADMINISTER.value).values("role"))
    largest = roles.annotate(size=Count("grants")).order_by("-size", "pk").first()
    if largest is not None:
        return largest
    taken = set(Role.objects.values_list("name", flat=True))
    name = next(
        name for name in ("Administrator", *(f"Administrator {n}" for n in range(2, 1000))) if name not in taken
    )
    role = Role.objects.create(name=name, text="May do everything", needs_second_factor=True)
    Grant.objects.bulk_create([Grant(role=role, action=action.value) for action in Action])
    return role
