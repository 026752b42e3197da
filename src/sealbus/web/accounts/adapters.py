"""The adapters of django-allauth: users cannot create accounts, a new user from single sign-on has no rights until an
administrator gives some, a locked account answers 429, and the secrets of second factors are stored encrypted.
"""

from __future__ import annotations

import base64
import secrets
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.reauthentication import (
    get_reauthentication_flows,
    raise_if_reauthentication_required,
)
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.accounts.lockout import LOCKED_S, account_key, locked_answer, seconds_locked
from sealbus.web.accounts.middleware import address_of
from sealbus.web.accounts.passkeys import relying_party
from sealbus.web.accounts.services import add_user_of_provider, record_refusal
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.http.problems import problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allauth.usersessions.models import UserSession
    from django.core.exceptions import ValidationError
    from django.http import HttpRequest, HttpResponse

    from sealbus.web.accounts.models import User

__all__ = ["AccountAdapter", "SecondFactorAdapter", "SessionsAdapter", "SocialAccountAdapter"]

_MAX_TRIED = 100
_FIRST_STEP_KEY = "sealbus.stands-on"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # untyped library
    """Administrators create accounts; failed attempts are counted and recorded."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """As everywhere: headers of trusted proxies only."""
        return address_of(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse after too many failed attempts, before the password is checked."""
        self._tried = str(credentials.get("username", ""))
        super().pre_authenticate(request, **credentials)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The user with this password. One who is deactivated is answered and counted like a wrong password: else the
        answer would tell that the password is right.
        """
        user: User | None = super().authenticate(request, **credentials)
        if user is None or user.is_active:
            return user
        super().pre_authenticate(request, **credentials)  # the library does not count a right password
        self._record_failed(request, credentials, "the account is deactivated")
        return None

    def pre_login(self, request: HttpRequest, user: User, **options: Any) -> Any:
        """After the first step: keep the hash of the password for the last step."""
        if not user.is_active:  # of a provider or a passkey; the library refuses
            actor = Actor(ActorKind.NOBODY, name=user.username, address=address_of(request))
            record_refusal(actor=actor, action="session.login", detail={"reason": "the account is deactivated"})
        request.session[_FIRST_STEP_KEY] = user.get_session_auth_hash()
        return super().pre_login(request, user, **options)

    def login(self, request: HttpRequest, user: User) -> None:
        """The last step: refuse a user who was deactivated, or whose password was changed, since the first step."""
        first_step = request.session.pop(_FIRST_STEP_KEY, None)
        if not user.is_active or first_step not in (None, user.get_session_auth_hash()):
            request.session.flush()
            actor = Actor(ActorKind.NOBODY, name=user.username, address=address_of(request))
            record_refusal(
                actor=actor, action="session.login", detail={"reason": "the account has changed since the first step"}
            )
            answer = problem(HTTPStatus.FORBIDDEN, "sign-in-again", "The account has changed since: sign in again")
            raise ImmediateHttpResponse(answer)
        super().login(request, user)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record the attempt with the name that was sent."""
        self._record_failed(request, credentials, "wrong password")

    def _record_failed(self, request: HttpRequest, credentials: Mapping[str, Any], reason: str) -> None:
        tried = str(credentials.get("username", ""))[:_MAX_TRIED]
        actor = Actor(ActorKind.NOBODY, name=tried, address=address_of(request))
        append(Event(actor, "session.login", Target("user", "", tried), Result.FAILED, {"reason": reason}))

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Back to the sign-in page, which does not tell why; the audit does."""
        return HttpResponseRedirect(f"{reverse('account_login')}?problem=changed")

    def validation_error(self, code: str, *args: Any) -> ValidationError:
        """An error of a form; too many attempts answer 429 instead."""
        if code == "too_many_login_attempts":
            self._refuse_locked()
        error: ValidationError = super().validation_error(code, *args)
        return error

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Always. The library lets a user without password and second factor through, who has nothing to show to it:
        such a user confirms at the provider instead (`single_sign_on.confirming`).
        """
        if not get_reauthentication_flows(self.request.user) and not _has_confirmed(self.request):
            raise ReauthenticationRequired
        return True

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Where to confirm, for pages; the provider for a user who has nothing to show to the site."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if methods or not user.is_authenticated:
            return methods
        return [{"id": "provider", "description": "", "url": reverse("confirm-by-provider")}]

    def is_safe_url(self, url: str | None) -> bool:
        """Whether to redirect there: within this site, its port included."""
        public = urlsplit(settings.SEALBUS.public_url)  # type: ignore[misc]  # ours
        return url_has_allowed_host_and_scheme(
            url, {public.netloc, self.request.get_host()}, require_https=public.scheme == "https"
        )

    def clean_password(self, password: str, user: User | None = None) -> str:
        """A new password. The first one of a user needs a confirmation, as a changed one needs the current one."""
        if user is not None and not user.has_usable_password():
            raise_if_reauthentication_required(self.request, app="allauth.account")
        return str(super().clean_password(password, user))

    def _refuse_locked(self) -> NoReturn:
        request = self.request
        tried = getattr(self, "_tried", "")
        wait_s = seconds_locked(request, account_key(tried)) if tried else LOCKED_S
        actor = Actor(ActorKind.NOBODY, name=tried[:_MAX_TRIED], address=address_of(request))
        record_refusal(actor=actor, action="session.locked", detail={"tried": tried[:_MAX_TRIED]})
        raise ImmediateHttpResponse(locked_answer(request, wait_s))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """The key of the allowance. The library's key contains the Host header, which the caller can choose."""
        return account_key(str(credentials.get("username", "")))


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # untyped library
    """A user from the operator's provider gets an account without rights. `single_sign_on` has verified who it is."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """The provider identifies the user; administrators give roles."""
        return True

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        """Store the account of a new person, with its entry in the audit."""
        user = add_user_of_provider(sociallogin.identity, sociallogin.account, address=address_of(request))
        sociallogin.user = user
        return user

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """Record a failed single sign-on. Without an attempt of this browser that it belongs to, on to the sign-in page: for
        programs as for people, the library has a page of its own there.
        """
        if error == AuthError.CANCELLED:
            return
        reason = str(exception) if exception is not None else "the answer is not one to an attempt of this browser"
        actor = Actor(ActorKind.NOBODY, address=address_of(request))
        record_refusal(actor=actor, action="session.single-sign-on", detail={"reason": reason[:300]})
        if not (extra_context or {}).get("state"):
            query = urlencode({"error": error or AuthError.UNKNOWN, "error_process": AuthProcess.LOGIN})
            raise ImmediateHttpResponse(HttpResponseRedirect(f"{reverse('account_login')}?{query}"))


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # untyped library
    """Secrets of authenticator apps and recovery codes are encrypted with a key derived from the server's: the database
    alone is not enough to make codes.
    """

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """The site for which keys are made, by the public URL and not by the Host header."""
        return {"id": relying_party(), "name": "Sealbus"}

    def encrypt(self, text: str) -> str:
        """Encrypt a secret."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a secret. One encrypted with another server's key becomes a random secret, for which no code is right."""
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return base64.b32encode(secrets.token_bytes(20)).decode()


class SessionsAdapter(DefaultUserSessionsAdapter):  # type: ignore[misc]  # untyped library
    """The end of a session by its owner is recorded, and its sockets are closed."""

    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        """End the sessions."""
        from sealbus.web.accounts.receivers import session_ended

        for session in sessions:
            user: User = session.user
            session.end()
            session_ended(Actor(ActorKind.USER, user.pk, user.username, address_of(self.request)), user)


def _has_confirmed(request: HttpRequest) -> bool:
    """Whether the user of the session has confirmed to be there within the last minutes."""
    records = get_authentication_records(request, request.user)
    times = [record["at"] for record in records if record.get("reauthenticated")]
    return bool(times) and time.time() - times[-1] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT  # type: ignore[misc]  # allauth


def _cipher() -> Fernet:
    key = HKDF(SHA256(), 32, salt=None, info=b"sealbus second factors").derive(str(settings.SECRET_KEY).encode())
    return Fernet(base64.urlsafe_b64encode(key))
