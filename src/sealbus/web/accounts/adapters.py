"""What django-allauth asks us: nobody makes an account for himself, a stranger from single sign-on has no rights until
given, what is locked is answered with 429, and secrets of second factors are stored encrypted.
"""

from __future__ import annotations

import base64
import json
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base.constants import AuthError
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.accounts.lockout import LOCKED_S, account_key, locked_answer, seconds_locked
from sealbus.web.accounts.middleware import address_of
from sealbus.web.accounts.services import record_refusal
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.http.problems import problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from allauth.usersessions.models import UserSession
    from django.core.exceptions import ValidationError
    from django.http import HttpRequest

    from sealbus.web.accounts.models import User

__all__ = ["AccountAdapter", "SecondFactorAdapter", "SessionsAdapter", "SocialAccountAdapter"]

_LONGEST_TRIED = 100
_STANDS_ON = "sealbus.stands-on"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # untyped library
    """Accounts are made by administrators; failures are counted and recorded."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """As everywhere else: only trusted proxies are believed."""
        return address_of(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse while too many attempts have failed, before a password is looked at."""
        self._tried = str(credentials.get("username", ""))
        super().pre_authenticate(request, **credentials)

    def pre_login(self, request: HttpRequest, user: User, **options: Any) -> Any:
        """The first step is done: keep what it stood on, for the last one."""
        request.session[_STANDS_ON] = user.get_session_auth_hash()
        return super().pre_login(request, user, **options)

    def login(self, request: HttpRequest, user: User) -> None:
        """The last step: refuse who was switched off, or got another password, since the first."""
        stands_on = request.session.pop(_STANDS_ON, None)
        if not user.is_active or stands_on not in (None, user.get_session_auth_hash()):
            request.session.flush()
            actor = Actor(ActorKind.NOBODY, name=user.username, address=address_of(request))
            record_refusal(actor=actor, action="session.login", detail={"reason": "the account has changed meanwhile"})
            answer = problem(HTTPStatus.FORBIDDEN, "sign-in-again", "The account has changed meanwhile: sign in again")
            raise ImmediateHttpResponse(answer)
        super().login(request, user)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record it, with the name that was tried."""
        tried = str(credentials.get("username", ""))[:_LONGEST_TRIED]
        actor = Actor(ActorKind.NOBODY, name=tried, address=address_of(request))
        append(Event(actor, "session.login", Target("user", "", tried), Result.FAILED, {"reason": "wrong password"}))

    def validation_error(self, code: str, *args: Any) -> ValidationError:
        """An error of a form; too many attempts are no matter of a form, but 429."""
        if code == "too_many_login_attempts":
            self._refuse_locked()
        error: ValidationError = super().validation_error(code, *args)
        return error

    def _refuse_locked(self) -> NoReturn:
        request = self.request
        tried = getattr(self, "_tried", "")
        wait_s = seconds_locked(request, account_key(tried)) if tried else LOCKED_S
        actor = Actor(ActorKind.NOBODY, name=tried[:_LONGEST_TRIED], address=address_of(request))
        record_refusal(actor=actor, action="session.locked", detail={"tried": tried[:_LONGEST_TRIED]})
        raise ImmediateHttpResponse(locked_answer(request, wait_s))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Whose allowance it is: the library would take in the Host header, which the caller chooses."""
        return account_key(str(credentials.get("username", "")))


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # untyped library
    """Who comes from the operator's own provider is known, but may do nothing yet.

    The library checks state, code challenge, issuer, audience and time. What it leaves out is checked here: that the ID
    token was made for this very attempt (nonce), and that the profile is of the same person.
    """

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """The provider vouches for him; roles are given by administrators."""
        return True

    def get_app(self, request: HttpRequest, provider: Any, client_id: Any = None) -> Any:
        """The provider's settings, with a nonce for this request among what is sent to it."""
        app = super().get_app(request, provider, client_id)
        nonce = request.__dict__.setdefault("sealbus_nonce", secrets.token_urlsafe(24))
        app.settings = {**app.settings, "auth_params": {"nonce": nonce}}
        return app

    def generate_state_param(self, state: dict[str, Any]) -> str:
        """Of an attempt, which remembers its nonce."""
        state["nonce"] = self.request.__dict__.get("sealbus_nonce")
        return str(super().generate_state_param(state))

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Refuse what is not signed in by an ID token made for this attempt and this person.

        Addresses are dropped: an account is never found by one.
        """
        told = sociallogin.account.extra_data
        profile, token = told.get("userinfo"), told.get("id_token")
        if not token or (profile and profile.get("sub") != token.get("sub")):
            raise OAuth2Error("the provider's answers do not belong together")
        if "\\u0000" in json.dumps(told):
            raise OAuth2Error("the provider tells something that cannot be stored")
        expected = sociallogin.state.get("nonce")
        if not expected or token.get("nonce") != expected:
            raise OAuth2Error("the ID token was not made for this attempt")
        sociallogin.email_addresses = []

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """Record what went wrong with single sign-on."""
        if error == AuthError.CANCELLED:
            return
        reason = type(exception).__name__ if exception is not None else str(error)
        actor = Actor(ActorKind.NOBODY, address=address_of(request))
        record_refusal(actor=actor, action="session.single-sign-on", detail={"reason": f"{reason}: {exception}"[:300]})


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # untyped library
    """Secrets of authenticator apps and recovery codes are encrypted with a key made of the server's own: who reads
    the database alone cannot make codes.
    """

    def encrypt(self, text: str) -> str:
        """Of a secret."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Of a secret; of one that another server's key has encrypted, something that no code fits to."""
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return base64.b32encode(secrets.token_bytes(20)).decode()


class SessionsAdapter(DefaultUserSessionsAdapter):  # type: ignore[misc]  # untyped library
    """Sessions that their owner ends are recorded, and what hangs on them is told."""

    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        """End them."""
        from sealbus.web.accounts.receivers import session_ended

        for session in sessions:
            user: User = session.user
            session.end()
            session_ended(Actor(ActorKind.USER, user.pk, user.username, address_of(self.request)), user)


def _cipher() -> Fernet:
    key = HKDF(SHA256(), 32, salt=None, info=b"sealbus second factors").derive(str(settings.SECRET_KEY).encode())
    return Fernet(base64.urlsafe_b64encode(key))
