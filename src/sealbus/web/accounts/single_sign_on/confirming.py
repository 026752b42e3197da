"""A signed-in person confirms who is there by signing in at the provider again: re-authentication without a password.

A start of single sign-on within an open session asks the provider to authenticate the person anew (`prompt=login`,
`max_age=0`) and demands the time of it in the ID token (`auth_time`; OpenID Connect Core 1.0, 3.1.2.1): without that time
the provider may have answered from its own session, which whoever sits at the browser has too. The open session goes on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from allauth.account.internal.flows.login import record_authentication
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base.constants import AuthProcess

from sealbus.errors import PeerError
from sealbus.web.accounts.models import User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allauth.socialaccount.models import SocialLogin
    from django.http import HttpRequest

__all__ = ["FRESH", "check_fresh", "confirm", "is_confirming", "state_to_confirm"]

FRESH = {"prompt": "login", "max_age": "0"}
"""The parameters that ask a provider to authenticate the person anew."""
_LEEWAY_S = 30
"""How far the clocks of site and provider may differ."""


def state_to_confirm(request: HttpRequest, process: str) -> dict[str, Any]:
    """What to keep with an attempt that is to confirm the user of this session; empty for any other attempt."""
    if process != AuthProcess.LOGIN or not isinstance(request.user, User):
        return {}
    return {"confirms": request.user.pk, "asked_at": time.time()}


def is_confirming(state: Mapping[str, Any]) -> bool:
    """Whether the attempt is to confirm a signed-in user."""
    return "confirms" in state


def check_fresh(claims: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Raise PeerError unless the provider has authenticated the person after the attempt began."""
    at = claims.get("auth_time")
    if type(at) not in (int, float) or at < state["asked_at"] - _LEEWAY_S:
        raise PeerError("the provider does not say (auth_time) that the person has just signed in again")


def confirm(request: HttpRequest, login: SocialLogin, state: Mapping[str, Any]) -> None:
    """Note in the session that its user is there. Raises PeerError where the answer is about another person."""
    linked = SocialAccount.objects.filter(provider=login.account.provider, uid=login.account.uid).first()
    user = request.user
    if linked is None or not isinstance(user, User) or not linked.user_id == user.pk == state["confirms"]:
        raise PeerError("another person than the one in this session has signed in at the provider again")
    record_authentication(request, user, "socialaccount", reauthenticated=True)
