"""Security keys and passkeys: whose a credential is, and its counter (Web Authentication Level 2, 7.1 and 7.2).

The library keeps a credential with its person only. Here each credential of the site is a row that the database holds once,
so that one key does not sign in two people, with the highest counter that was seen: a key that counts and does not rise
has a copy.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from django.db import IntegrityError, transaction

from sealbus.web.accounts.models import Passkey
from sealbus.web.errors import Conflict, Invalid

if TYPE_CHECKING:
    from sealbus.web.accounts.models import User

__all__ = ["MAX_KEYS", "forget_credential", "is_registered", "keep_credential", "owner_of", "raise_counter"]

MAX_KEYS = 10
"""Of one person."""
_MAX_NAME = 100


def keep_credential(authenticator: Authenticator) -> None:
    """Note the credential of a key that was just added. Raises Conflict or Invalid, and then the key is not kept."""
    data = authenticator.wrap().authenticator_data
    try:
        if len(str(authenticator.data.get("name", ""))) > _MAX_NAME:
            raise Invalid({"name": [f"write at most {_MAX_NAME} characters"]})
        if Authenticator.objects.filter(user=authenticator.user, type=authenticator.type).count() > MAX_KEYS:
            raise Conflict(f"A person has at most {MAX_KEYS} keys: remove one first", code="too-many-keys")
        digest = _digest(data.credential_data.credential_id)
        try:
            with transaction.atomic():
                Passkey.objects.create(credential=digest, authenticator_id=authenticator.pk, counter=data.counter)
        except IntegrityError:
            raise Conflict("This key is registered already", code="key-in-use") from None
    except (Conflict, Invalid):
        authenticator.delete()
        raise


def forget_credential(authenticator: Authenticator) -> None:
    """The key was removed; it may be registered again, by another person too."""
    Passkey.objects.filter(authenticator_id=authenticator.pk).delete()


def is_registered(credential_id: bytes) -> bool:
    """Whether the credential belongs to somebody."""
    return Passkey.objects.filter(credential=_digest(credential_id)).exists()


def owner_of(credential_id: bytes) -> User | None:
    """The person whose credential this is."""
    row = Passkey.objects.filter(credential=_digest(credential_id)).first()
    held = Authenticator.objects.select_related("user").filter(pk=row.authenticator_id).first() if row else None
    return held.user if held is not None else None


def raise_counter(credential_id: bytes, counter: int) -> bool:
    """Keep the counter of a verified use. False if it does not rise, or if another use was faster: the key has a copy.

    Passkeys that are synchronized between machines do not count: theirs is always 0.
    """
    row = Passkey.objects.filter(credential=_digest(credential_id)).first()
    if row is None:
        return False
    if counter == row.counter == 0:
        return True
    return counter > row.counter and bool(
        Passkey.objects.filter(pk=row.pk, counter=row.counter).update(counter=counter)
    )


def _digest(credential_id: bytes) -> str:
    return hashlib.sha256(credential_id).hexdigest()
