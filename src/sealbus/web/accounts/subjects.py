"""From a session or a token to a `Subject`: the one place where rights are read from the database.

They are read for every request, so a right that is taken away is gone at once. A session has a second factor when one
was *used* in it: adding one is not enough; a passkey instead of the password counts. An emergency session belongs to no
account: it may view everything until its link expires or a new one is made.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from allauth.account.authentication import get_authentication_records
from django.utils import timezone
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from sealbus.endpoints import unmapped
from sealbus.web.access.actions import Action
from sealbus.web.access.subject import Actor, ActorKind, Rights, Subject
from sealbus.web.accounts.models import ApiToken, Assignment, OneTimeLink, Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = [
    "EMERGENCY_KEY",
    "from_token",
    "rights_of",
    "subject_of_request",
    "subject_of_token",
    "subject_of_user",
    "used_second_factor",
]

EMERGENCY_KEY = "sealbus.emergency"
"""The key of a session for the id of the emergency link that opened it."""
_USED_EVERY_S = 60.0
_MAX_SECRET = 200


def rights_of(user: User) -> Rights:
    """All pairs of action and group from the user's roles. One query."""
    held = Assignment.objects.filter(user=user, role__grants__isnull=False)
    pairs = held.values_list("role__grants__action", "group")
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
    """The subject of a token; None if it is not valid any more, or not from this address."""
    if not token.user.is_active or token.revoked_at is not None or _is_expired(token):
        return None
    if token.networks and not _lies_in(address, token.networks):
        return None
    actions = frozenset(action for action in Action if action.value in token.actions)
    groups = None if token.all_groups else frozenset(token.groups.values_list("pk", flat=True))
    return Subject(
        Actor(ActorKind.TOKEN, token.user.pk, token.full_name, address),
        token.user.pk,
        token_key=token.token_key,
        rights=rights_of(token.user).cut_to(actions, groups),
        is_signed_in=True,
    )


def from_token(secret: str, *, address: str) -> Subject:
    """The subject of a request with this token; nobody if the token is not valid, for any reason.

    For a token of this site that is expired, revoked or used from another network, the subject has the token's name, so
    that the audit shows it: the secret may have been stolen.
    """
    nobody = Subject(Actor(ActorKind.NOBODY, address=address))
    if not secret.isascii() or not 0 < len(secret) <= _MAX_SECRET:
        return nobody
    try:
        _, token = _KeepingTokens().authenticate_credentials(secret.encode())
    except AuthenticationFailed:
        return nobody
    subject = subject_of_token(token, address=address)
    if subject is None:
        return Subject(Actor(ActorKind.NOBODY, name=token.full_name, address=address))
    _mark_used(token, address)
    return subject


def subject_of_request(request: HttpRequest, address: str) -> Subject:
    """The subject of a request: of its token if it sends one, else of its session. With an invalid token it is nobody,
    even if there is a session.
    """
    header = request.headers.get("Authorization", "")
    if header:
        scheme, _, secret = header.partition(" ")
        return from_token(secret.strip() if scheme.lower() == "token" else "", address=address)
    user = request.user
    if isinstance(user, User):
        return subject_of_user(user, address=address, has_second_factor=used_second_factor(request, user))
    return _emergency(request, address) or Subject(Actor(ActorKind.NOBODY, address=address))


def used_second_factor(request: HttpRequest, user: User) -> bool:
    """Whether a second factor or a passkey was used in this session."""
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, user))


class _KeepingTokens(TokenAuthentication):  # type: ignore[misc]  # untyped library
    """knox without its deletion of expired tokens: they stay for the review of rights, and `subject_of_token` refuses
    them.
    """

    def _cleanup_token(self, auth_token: ApiToken) -> bool:
        """Whether the token was deleted: never."""
        return False


def _is_expired(token: ApiToken) -> bool:
    return token.expiry is None or token.expiry <= timezone.now()


def _emergency(request: HttpRequest, address: str) -> Subject | None:
    link_id = request.session.get(EMERGENCY_KEY)
    if link_id is None:
        return None
    good = OneTimeLink.objects.filter(
        pk=link_id, kind=OneTimeLink.Kind.EMERGENCY, used_at__isnull=False, expires_at__gt=timezone.now()
    )
    if not good.exists():
        return None
    actor = Actor(ActorKind.EMERGENCY, None, "emergency", address)
    return Subject(actor, rights=Rights(frozenset({(Action.VIEW, None)})), is_signed_in=True)


def _lies_in(address: str, networks: list[str]) -> bool:
    try:
        parsed = unmapped(ipaddress.ip_address(address))
    except ValueError:
        return False
    return any(parsed in ipaddress.ip_network(network, strict=False) for network in networks)


def _mark_used(token: ApiToken, address: str) -> None:
    """Store the last use, to the minute: not a write for every request."""
    now = timezone.now()
    last = token.last_used_at
    if last is None or token.last_used_from != address or (now - last).total_seconds() > _USED_EVERY_S:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now, last_used_from=address)
