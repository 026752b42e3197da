"""What the site checks of security keys and passkeys beyond the library: the exact origin, frames, owners and counters.

The library takes every origin within the host: another port, another scheme on localhost, a subdomain. A page there is
another program. django-allauth has no setting for its server of fido2, so `install` replaces the function that makes it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn.internal import auth
from django.conf import settings
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    CollectedClientData,
    PublicKeyCredentialRpEntity,
    RegistrationResponse,
)

from sealbus.endpoints import is_loopback_address
from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.accounts.middleware import address_of
from sealbus.web.accounts.services.passkeys import MAX_KEYS, is_registered, owner_of, raise_counter
from sealbus.web.accounts.services.refusals import record_refusal
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.errors import Conflict

if TYPE_CHECKING:
    from sealbus.web.accounts.models import User

__all__ = ["KeyServer", "install", "is_own_origin", "relying_party"]

_MAX_ID = 1023  # Web Authentication Level 2, 7.1
_MAX_BYTES = 64 * 1024
_STANDARD_PORTS = {"http": 80, "https": 443}


def relying_party() -> str:
    """The host for which keys are made: that of the public URL. Keys know no addresses, so on loopback `localhost`."""
    host = urlsplit(_public_url()).hostname or ""
    return "localhost" if is_loopback_address(host) else host


def is_own_origin(origin: str) -> bool:
    """Whether a browser says so for pages of this site: the origin of the public URL, exactly."""
    parts = urlsplit(_public_url())
    port = "" if parts.port in (None, _STANDARD_PORTS.get(parts.scheme)) else f":{parts.port}"
    return origin == f"{parts.scheme}://{relying_party()}{port}"


def install() -> None:
    """Let django-allauth use `KeyServer`."""
    auth.get_server = _server


class KeyServer(Fido2Server):
    """A relying party whose keys have one owner and a counter. A ValueError refuses, as in the library."""

    def register_begin(self, user: Any, credentials: Any = None, *arguments: Any, **options: Any) -> Any:
        """Raises Conflict for a person who has as many keys as are allowed."""
        if len(credentials or ()) >= MAX_KEYS:
            raise Conflict(f"A person has at most {MAX_KEYS} keys: remove one first", code="too-many-keys")
        return super().register_begin(user, credentials, *arguments, **options)

    def register_complete(self, state: Any, response: Any) -> AuthenticatorData:
        """Take a new key, unless somebody has it."""
        if len(json.dumps(response)) > _MAX_BYTES:
            raise ValueError("the answer of the key is too long")
        _refuse_frames(RegistrationResponse.from_dict(response).response.client_data)
        data = super().register_complete(state, response)
        credential = data.credential_data
        if credential is None or len(credential.credential_id) > _MAX_ID or is_registered(credential.credential_id):
            raise ValueError("the key cannot be registered, or is registered already")
        return data

    def authenticate_complete(self, state: Any, credentials: Any, response: Any) -> AttestedCredentialData:
        """Take a use of a key, unless its counter or the person's account is against it."""
        answer = AuthenticationResponse.from_dict(response).response
        _refuse_frames(answer.client_data)
        used = super().authenticate_complete(state, credentials, response)
        owner = owner_of(used.credential_id)
        if owner is None:
            raise ValueError("nobody has this key any more")
        # A key that was copied is found by its counter only. The signature is good then, so this comes after it, and
        # before anything is noted in the session.
        if not raise_counter(used.credential_id, answer.authenticator_data.counter):
            _record_copy(owner)
            raise ValueError("the counter of the key has not risen")
        if not owner.is_active:  # else the answer would tell that the key is right
            actor = Actor(ActorKind.NOBODY, name=owner.username, address=address_of(context.request))
            record_refusal(actor=actor, action="session.login", detail={"reason": "the account is deactivated"})
            raise ValueError("the account is deactivated")
        return used


def _server() -> KeyServer:
    party = get_adapter().get_public_key_credential_rp_entity()
    return KeyServer(PublicKeyCredentialRpEntity(**party), verify_origin=is_own_origin)


def _public_url() -> str:
    return str(settings.SEALBUS.public_url)  # type: ignore[misc]  # ours


def _refuse_frames(client: CollectedClientData) -> None:
    """A page of another origin can show this site in a frame and get at the key there."""
    if client.cross_origin is not False:
        raise ValueError("the key was used in a frame of another origin")


def _record_copy(owner: User) -> None:
    actor = Actor(ActorKind.USER, owner.pk, owner.username, address_of(context.request))
    detail = {"kind": "webauthn", "reason": "the counter of the key has not risen: it may have been copied"}
    append(Event(actor, "second-factor.use", Target("user", owner.pk, owner.username), Result.FAILED, detail))
