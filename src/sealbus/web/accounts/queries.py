"""Who administers, who can do what where, and when it was last used: what is asked of the accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from django.db.models import Prefetch, Q

from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import ApiToken, Assignment, Group, User

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from sealbus.web.access.subject import Rights, Subject

__all__ = ["administrators", "reviewed_users", "tokens_for", "visible_groups"]


def administrators() -> QuerySet[User]:
    """Who may administer, everywhere. There must always be one, or the site is open to be set up."""
    held = Assignment.objects.filter(group=None, role__grants__action=Action.ADMINISTER.value)
    return User.objects.filter(is_active=True, pk__in=held.values("user"))


def visible_groups(rights: Rights) -> QuerySet[Group]:
    """The groups that somebody may know of: those he sees something in; all for whoever gives rights."""
    groups = rights.groups(Action.VIEW)
    if groups is None or rights.allows(Action.ADMINISTER, None):
        return Group.objects.all()
    return Group.objects.filter(pk__in=groups)


def tokens_for(subject: Subject) -> QuerySet[ApiToken]:
    """One's own tokens; those of everybody for whoever administers."""
    tokens: QuerySet[ApiToken] = ApiToken.objects.select_related("user").prefetch_related("groups")
    if subject.rights.allows(Action.ADMINISTER, None):
        return tokens
    return tokens.filter(user=subject.user_id)


def reviewed_users() -> QuerySet[User]:
    """Everybody with all that a review of rights looks at, in a fixed number of statements."""
    return User.objects.prefetch_related(
        Prefetch(
            "assignments", Assignment.objects.select_related("role", "group").order_by("role__name", "group__name")
        ),
        "assignments__role__grants",
        Prefetch("auth_token_set", ApiToken.objects.filter(Q(revoked_at=None)).prefetch_related("groups")),
        Prefetch("authenticator_set", Authenticator.objects.order_by("pk")),
    )
