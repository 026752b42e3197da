"""What was handed out to a user and opens the account: sessions, API tokens, unused password links.

A rescue ends all of it. To end the sessions alone would leave a stranger the token that was made in one of them, and
a password link that was read by someone else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.usersessions.models import UserSession

from sealbus.web.accounts.models import OneTimeLink
from sealbus.web.accounts.services.tokens import revoke_tokens

if TYPE_CHECKING:
    from sealbus.web.access.subject import Actor
    from sealbus.web.accounts.models import User

__all__ = ["end_password_links", "end_ways_in"]


def end_ways_in(user: User, *, by: Actor) -> dict[str, int]:
    """End all of them, within `changing_rights`. Returns how many of each there were, for the audit.

    The password and the second factors stay: the user signs in with them again.
    """
    sessions = list(UserSession.objects.filter(user=user))
    for session in sessions:
        session.end()
    return {"sessions": len(sessions), "tokens": revoke_tokens(user, by=by), "links": end_password_links(user)}


def end_password_links(user: User) -> int:
    """End the password links of a user that were not used. Returns their number."""
    unused = OneTimeLink.objects.filter(user=user, kind=OneTimeLink.Kind.PASSWORD, used_at=None)
    return unused.delete()[0]
