"""From a session or a token to a `Subject`: the one place where rights are worked out from the database."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from django.utils import timezone
from knox.auth import TokenAuthentication

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import Actor, ActorKind, Rights, Subject
from sealbus.web.accounts.models import ApiToken, Grant, Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["from_token", "of_request", "rights_of", "subject_of_token", "subject_of_user"]

_USED_EVERY_S = 60.0


def rights_of(user: User) -> Rights:
    """All pairs of action and group that the user's roles give him. One query."""
    pairs = Grant.objects.filter(role__assignments__user=user).values_list("action", "role__assignments__group")
    pairs = pairs.filter(role__assignments__user=user)
    return Rights(frozenset((Action(action), group) for action, group in pairs))


def subject_of_user(user: User, *, address: str, has_second_factor: bool) -> Subject:
    """The subject of a session."""
    actor = Actor(ActorKind.USER, user.pk, user.username, address)
    if not user.is_active:
        return Subject(Actor(ActorKind.NOBODY, address=address))
    lacks = not has_second_factor and Role.objects.filter(assignments__user=user, needs_second_factor=True).exists()
    rights = Rights() if lacks else rights_of(user)
    return Subject(actor, user.pk, rights=rights, is_signed_in=True, needs_second_factor=lacks)


def subject_of_token(token: ApiToken, *, address: str) -> Subject | None:
    """The subject of a token; None where it is not good any more, or not from there."""
    if not token.user.is_active or (token.expiry is not None and token.expiry <= timezone.now()):
        return None
    if token.networks and not _lies_in(address, token.networks):
        return None
    actions = frozenset(Action(each) for each in token.actions if each in Action.__members__.values())
    groups = None if token.all_groups else frozenset(token.groups.values_list("pk", flat=True))
    return Subject(
        Actor(ActorKind.TOKEN, token.user.pk, f"{token.user.username}/{token.name}", address),
        token.user.pk,
        token_key=token.token_key,
        rights=rights_of(token.user).cut_to(actions, groups),
        is_signed_in=True,
    )


def from_token(secret: str, *, address: str) -> Subject | None:
    """The subject of whoever sent this token; None where it is no good, whatever is wrong with it."""
    from rest_framework.exceptions import AuthenticationFailed

    try:
        _, token = TokenAuthentication().authenticate_credentials(secret.encode("utf-8", "replace"))
    except AuthenticationFailed:
        return None
    subject = subject_of_token(token, address=address)
    if subject is not None:
        _mark_used(token, address)
    return subject


def of_request(request: HttpRequest, address: str) -> Subject:
    """The subject of a request: of its token if it sends one, else of its session. A bad token is nobody, not the
    session.
    """
    header = request.headers.get("Authorization", "")
    nobody = Subject(Actor(ActorKind.NOBODY, address=address))
    if header:
        scheme, _, secret = header.partition(" ")
        if scheme.lower() != "token":
            return nobody
        return from_token(secret.strip(), address=address) or nobody
    user = request.user
    if not isinstance(user, User):
        return nobody
    return subject_of_user(user, address=address, has_second_factor=_used_second_factor(request))


def _used_second_factor(request: HttpRequest) -> bool:
    """Whether this session was opened with a second factor or a passkey."""
    from allauth.account.authentication import get_authentication_records

    return any(record.get("method") == "mfa" for record in get_authentication_records(request))


def _lies_in(address: str, networks: list[str]) -> bool:
    try:
        asked = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(asked, "ipv4_mapped", None)
    return any((mapped or asked) in ipaddress.ip_network(network, strict=False) for network in networks)


def _mark_used(token: ApiToken, address: str) -> None:
    """Last use, to the minute: not a write for every request."""
    now = timezone.now()
    last = token.last_used_at
    if last is None or token.last_used_from != address or (now - last).total_seconds() > _USED_EVERY_S:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now, last_used_from=address)
