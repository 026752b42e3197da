"""API tokens: created by a user for programs, with at most the user's own rights, and always with an end.

The secret is shown once; only its hash is stored.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from sealbus.web.access.actions import GLOBAL_ACTIONS, Action
from sealbus.web.access.require import require, require_person
from sealbus.web.accounts.models import ApiToken, Group, User
from sealbus.web.accounts.services.changing import changing_rights, unique
from sealbus.web.audit.services import Event, Target, append, append_all
from sealbus.web.errors import Forbidden, Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.contrib.sessions.backends.base import SessionBase

    from sealbus.web.access.subject import Actor, Rights, Subject

__all__ = ["IssuedToken", "TokenRequest", "issue_token", "revoke_token", "revoke_tokens"]

_MAX = timedelta(days=366)
_MAX_NETWORKS = 50
_MAX_TOKENS = 50
"""Of one person, revoked and expired ones not counted: the allowance of requests is each token's own."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The properties of the new token."""

    name: str
    actions: frozenset[Action]
    expires_at: datetime
    groups: tuple[Group, ...] = ()
    all_groups: bool = False
    networks: tuple[str, ...] = ()

    @classmethod
    def of(cls, members: Mapping[str, Any]) -> TokenRequest:
        """From the checked members of a form."""
        return cls(
            name=members["name"],
            actions=frozenset(Action(each) for each in members["actions"]),
            expires_at=members["expires_at"],
            groups=tuple(members["groups"]),
            all_groups=members["all_groups"],
            networks=tuple(members["networks"]),
        )


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and its secret, which is never shown again."""

    token: ApiToken
    secret: str


def issue_token(*, subject: Subject, session: SessionBase, wanted: TokenRequest) -> IssuedToken:
    """A token of the subject's own, made in this session.

    Raises Invalid by field (more rights than the subject has, too long, no network), and Forbidden if the session has
    ended since the request began.
    """
    require_person(subject)
    _check(wanted, subject.rights)
    owner = User.objects.get(pk=subject.user_id or 0)
    with changing_rights():
        # under the lock, which a rescue of the account holds too: a request that waited for it must not make a token
        # that outlives the rescue
        if not session.exists(session.session_key or ""):
            raise Forbidden("This session has ended: sign in again", code="sign-in-again")
        if ApiToken.objects.filter(user=owner, revoked_at=None, expiry__gt=timezone.now()).count() >= _MAX_TOKENS:
            raise Invalid({"name": [f"You have {_MAX_TOKENS} tokens: revoke one first"]})
        with unique("name"):
            token, secret = ApiToken.objects.create(
                user=owner,
                expiry=wanted.expires_at - timezone.now(),
                name=wanted.name,
                actions=sorted(action.value for action in wanted.actions),
                all_groups=wanted.all_groups,
                networks=[str(ipaddress.ip_network(network, strict=False)) for network in wanted.networks],
            )
            token.expiry = wanted.expires_at  # to the microsecond: the library counted from its own now
            token.save(update_fields=["expiry"])
            token.groups.set(wanted.groups)
        append(Event(subject.actor, "token.create", _target(token), detail={"new": _described(token, wanted)}))
    return IssuedToken(token, secret)


def revoke_token(*, subject: Subject, token: ApiToken) -> None:
    """End a token: a user's own, or another's by an administrator. A revoked token is not changed."""
    require_person(subject)
    if token.user_id != subject.user_id:
        require(subject, Action.ADMINISTER)
    if token.revoked_at is not None:
        return
    with changing_rights():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            append(Event(subject.actor, "token.revoke", _target(token)))


def revoke_tokens(user: User, *, by: Actor) -> int:
    """End all tokens of a user, within `changing_rights`. For services that have checked the right. Returns their number."""
    valid = ApiToken.objects.filter(user=user, revoked_at=None)
    ended = [Event(by, "token.revoke", _target(token)) for token in valid.select_related("user")]
    if ended:
        valid.update(revoked_at=timezone.now())
        append_all(ended)
    return len(ended)


def _check(wanted: TokenRequest, rights: Rights) -> None:
    problems: dict[str, list[str]] = {}
    now = timezone.now()
    if not now < wanted.expires_at <= now + _MAX:
        problems["expires_at"] = [f"Write a time in the future, within {_MAX.days} days"]
    if wanted.all_groups == bool(wanted.groups):
        problems["groups"] = ["Name groups, or set all_groups to true, but not both"]
    lacking = sorted(action.value for action in wanted.actions if not _may_give(rights, action, wanted))
    if lacking:
        problems["actions"] = [f"You do not have this right yourself in all of these groups: {', '.join(lacking)}"]
    if not wanted.actions:
        problems["actions"] = ["Name at least one action"]
    bad = [network for network in wanted.networks if not _is_network(network)]
    if bad or len(wanted.networks) > _MAX_NETWORKS:
        problems["networks"] = [f"Write addresses or networks like 10.0.0.0/8, at most {_MAX_NETWORKS}"]
    if problems:
        raise Invalid(problems)


def _may_give(rights: Rights, action: Action, wanted: TokenRequest) -> bool:
    if wanted.all_groups or action in GLOBAL_ACTIONS:
        return wanted.all_groups and rights.allows(action, None)
    return all(rights.allows(action, group.pk) for group in wanted.groups)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _target(token: ApiToken) -> Target:
    return Target("token", token.pk, token.full_name)


def _described(token: ApiToken, wanted: TokenRequest) -> dict[str, Any]:
    return {
        "actions": token.actions,
        "groups": None if wanted.all_groups else [group.name for group in wanted.groups],
        "networks": token.networks,
        "expires_at": wanted.expires_at.isoformat(),
    }
