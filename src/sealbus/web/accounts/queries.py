"""Queries over accounts: the administrators, and the review of rights. What a subject may see is in the models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Prefetch, Q
from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import ApiToken, Assignment, User

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from sealbus.web.access.subject import Subject

__all__ = ["administrators", "open_sessions", "reviewed_users", "valid_sessions_of"]


def administrators() -> QuerySet[User]:
    """The active users who may administer in all groups. While there is none, the site can be set up by a link."""
    held = Assignment.objects.filter(group=None, role__grants__action=Action.ADMINISTER.value)
    return User.objects.filter(is_active=True, pk__in=held.values("user"))


def open_sessions(subject: Subject) -> QuerySet[UserSession]:
    """The sessions that the subject may see: those of all users to an administrator, else the subject's own."""
    rows: QuerySet[UserSession] = UserSession.objects.select_related("user").order_by("-last_seen_at", "-pk")
    if subject.rights.allows(Action.ADMINISTER, None):
        return rows
    return rows.filter(user=subject.user_id)


def valid_sessions_of(user_id: int) -> QuerySet[UserSession]:
    """The sessions of a user that are valid now, the one used last first."""
    valid = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    rows: QuerySet[UserSession] = UserSession.objects.filter(user_id=user_id, session_key__in=valid)
    return rows.order_by("-last_seen_at", "-pk")


def reviewed_users(subject: Subject) -> QuerySet[User]:
    """The users that the subject may see, with all that a review of rights shows, in a fixed number of statements."""
    return (
        User.objects.get_queryset()
        .visible_to(subject)
        .prefetch_related(
            Prefetch(
                "assignments", Assignment.objects.select_related("role", "group").order_by("role__name", "group__name")
            ),
            "assignments__role__grants",
            Prefetch("auth_token_set", ApiToken.objects.filter(Q(revoked_at=None)).prefetch_related("groups")),
            Prefetch("authenticator_set", Authenticator.objects.order_by("pk")),
        )
    )
