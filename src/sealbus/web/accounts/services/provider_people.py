"""People whom the operator's identity provider brings: an account without rights and without a password.

The user name is the one that the provider proposes, where that is a user name of this site and free; else one made from
issuer and subject. The name decides nothing: the account is found by issuer and subject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.accounts.models import User
from sealbus.web.accounts.services.people import add_user
from sealbus.web.errors import Conflict, Invalid

if TYPE_CHECKING:
    from allauth.socialaccount.models import SocialAccount

__all__ = ["Person", "add_user_of_provider"]

_ACTOR = "single sign-on"


class Person(Protocol):
    """What the provider says, verified."""

    @property
    def issuer(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def user_name(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def own_user_name(self) -> str: ...


def add_user_of_provider(person: Person, account: SocialAccount, *, address: str) -> User:
    """Store a user and the link to the provider. Raises Conflict if another request has just done it."""
    actor = Actor(ActorKind.NOBODY, name=_ACTOR, address=address)
    origin = {"provider": {"issuer": person.issuer, "sub": person.subject}}
    for user_name in (person.user_name, person.own_user_name):
        user = User(username=user_name, name=person.name, email=_email(person))
        try:
            with transaction.atomic():
                add_user(by=actor, user=user, password=None, more=origin)
                account.user = user
                account.save()
        except Invalid:
            continue  # no user name of this site, or taken
        except Conflict:
            continue  # taken by another request at this moment
        except IntegrityError:
            break
        return user
    raise Conflict("Another request of this person was faster: sign in again", code="changed-meanwhile")


def _email(person: Person) -> str:
    """The address that is shown for the user; no account is ever found by one."""
    try:
        validate_email(person.email)
    except ValidationError:
        return ""
    return person.email
