"""API tokens: made by a person for his own programs, with at most what he could give, and never for ever.

The secret is told once; what is stored is its hash.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from sealbus.web.access.actions import GLOBAL_ACTIONS, Action
from sealbus.web.accounts.models import ApiToken, Group, User
from sealbus.web.accounts.services.changing import changing_rights, unique
from sealbus.web.audit.services import Event, Target, append

if TYPE_CHECKING:
    from sealbus.web.access.subject import Actor, Rights, Subject

__all__ = ["IssuedToken", "TokenWish", "issue_token", "revoke_token"]

_LONGEST = timedelta(days=366)
_MOST_NETWORKS = 50


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What a token is to be."""

    name: str
    actions: frozenset[Action]
    expires_at: datetime
    groups: tuple[Group, ...] = ()
    all_groups: bool = False
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and its secret, which is told now and never again."""

    token: ApiToken
    secret: str


def issue_token(*, by: Subject, wish: TokenWish) -> IssuedToken:
    """A token of whoever asks. Raises ValidationError by field: too much, too long, not a network."""
    _check(wish, by.rights)
    owner = User.objects.get(pk=by.user_id or 0)
    with changing_rights():
        with unique("name"):
            token, secret = ApiToken.objects.create(
                user=owner,
                expiry=wish.expires_at - timezone.now(),
                name=wish.name,
                actions=sorted(action.value for action in wish.actions),
                all_groups=wish.all_groups,
                networks=[str(ipaddress.ip_network(network, strict=False)) for network in wish.networks],
            )
            token.expiry = wish.expires_at  # to the microsecond: the library counted from its own now
            token.save(update_fields=["expiry"])
            token.groups.set(wish.groups)
        append(Event(by.actor, "token.create", _target(token), detail={"new": _described(token, wish)}))
    return IssuedToken(token, secret)


def revoke_token(*, by: Actor, token: ApiToken) -> None:
    """End a token, one's own or another's."""
    with changing_rights():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            append(Event(by, "token.revoke", _target(token)))


def _check(wish: TokenWish, rights: Rights) -> None:
    errors: dict[str, str] = {}
    now = timezone.now()
    if not now < wish.expires_at <= now + _LONGEST:
        errors["expires_at"] = f"It must end in the future, within {_LONGEST.days} days"
    if wish.all_groups == bool(wish.groups):
        errors["groups"] = "Name groups, or say all_groups, not both and not neither"
    lacking = sorted(action.value for action in wish.actions if not _may_give(rights, action, wish))
    if lacking:
        errors["actions"] = f"You do not have this yourself in all of these groups: {', '.join(lacking)}"
    if not wish.actions:
        errors["actions"] = "Name at least one"
    bad = [network for network in wish.networks if not _is_network(network)]
    if bad or len(wish.networks) > _MOST_NETWORKS:
        errors["networks"] = f"Write addresses or networks like 10.0.0.0/8, at most {_MOST_NETWORKS}"
    if errors:
        raise ValidationError(errors)


def _may_give(rights: Rights, action: Action, wish: TokenWish) -> bool:
    if wish.all_groups or action in GLOBAL_ACTIONS:
        return wish.all_groups and rights.allows(action, None)
    return all(rights.allows(action, group.pk) for group in wish.groups)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _target(token: ApiToken) -> Target:
    return Target("token", token.pk, token.full_name)


def _described(token: ApiToken, wish: TokenWish) -> dict[str, Any]:
    return {
        "actions": token.actions,
        "groups": None if wish.all_groups else [group.name for group in wish.groups],
        "networks": token.networks,
        "expires_at": wish.expires_at.isoformat(),
    }
