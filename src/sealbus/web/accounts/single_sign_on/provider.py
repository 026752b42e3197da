"""The provider as django-allauth sees it: how sign-in starts, and what an answer of the provider means."""

from __future__ import annotations

import base64
import secrets
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode

from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base import Provider, ProviderAccount
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from django.conf import settings
from django.http import HttpResponseRedirect
from django.urls import reverse

from sealbus.errors import PeerError
from sealbus.web.access.gate import subject_of
from sealbus.web.accounts.models import User
from sealbus.web.accounts.single_sign_on.allowance import ALLOWANCE
from sealbus.web.accounts.single_sign_on.confirming import FRESH, check_fresh, is_confirming, state_to_confirm
from sealbus.web.accounts.single_sign_on.id_token import check_nonce, verify_id_token
from sealbus.web.accounts.single_sign_on.identity import Identity, parse_identity
from sealbus.web.accounts.single_sign_on.metadata import KnownProvider, Metadata, issuer_of, known_provider
from sealbus.web.accounts.single_sign_on.outbound import Busy, Conversation, conversation
from sealbus.web.errors import TooMany, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

__all__ = ["BUSY_S", "SingleSignOn", "provider_classes", "take_allowance"]

_SCOPE = "openid profile email"
_WAIT_S = 60
BUSY_S = 2


class _Account(ProviderAccount):  # type: ignore[misc]  # untyped library
    """How the library shows an account of the provider: by the name in `extra_data`."""


class SingleSignOn(Provider):  # type: ignore[misc]  # untyped library
    """The operator's OpenID provider."""

    id = "openid_connect"
    name = "OpenID Connect"
    account_class = _Account
    supports_redirect = True

    def __init__(self, request: HttpRequest, app: Any = None) -> None:
        super().__init__(request, app)
        self.name = app.name

    @property
    def known(self) -> KnownProvider:
        """What this process knows of the provider."""
        return known_provider(issuer_of(self.app.settings["server_url"]))

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, data: Any = None, **state: Any
    ) -> HttpResponse:
        """Send the browser to the provider."""
        take_allowance(request)
        try:
            metadata = self.known.metadata(conversation, time.monotonic())
        except Busy:
            raise Unavailable(BUSY_S) from None
        except PeerError as error:
            answer: HttpResponse = render_authentication_error(request, self, exception=error)
            return answer
        nonce, pkce = secrets.token_urlsafe(24), generate_code_challenge()
        confirming = state_to_confirm(request, process)
        state |= {"pkce_code_verifier": pkce.pop("code_verifier"), "nonce": nonce, **confirming}
        query = {
            **(FRESH if confirming else {}),
            "response_type": "code",
            "client_id": self.app.client_id,
            "redirect_uri": self._redirect_uri(),
            "scope": _SCOPE,
            "nonce": nonce,
            "state": self.stash_redirect_state(request, process, next_url, data, **state),
        }
        mark = "&" if "?" in metadata.authorization_endpoint else "?"
        return HttpResponseRedirect(f"{metadata.authorization_endpoint}{mark}{urlencode({**query, **pkce})}")

    def login_of(self, code: str, state: Mapping[str, Any], talk: Conversation) -> SocialLogin:
        """The person behind an answer of the provider to the attempt with this state. Raises PeerError."""
        metadata = self.known.metadata(lambda: nullcontext(talk), time.monotonic())
        answer = self._exchange(metadata, code, str(state.get("pkce_code_verifier", "")), talk)
        claims = verify_id_token(
            answer["id_token"],
            lambda kid: self.known.keys(metadata, talk, time.monotonic(), kid=kid),
            issuer=metadata.issuer,
            client_id=self.app.client_id,
        )
        check_nonce(claims, state.get("nonce"))
        if is_confirming(state):
            check_fresh(claims, state)
        profile = None
        if metadata.userinfo_endpoint:
            bearer = {"Authorization": f"Bearer {answer['access_token']}"}
            profile = talk.get(metadata.userinfo_endpoint, bearer)
        return self._login(parse_identity(claims, profile), state)

    def _exchange(self, metadata: Metadata, code: str, verifier: str, talk: Conversation) -> dict[str, str]:
        """The access token and the ID token for a code."""
        fields = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        fields["redirect_uri"] = self._redirect_uri()
        headers = {}
        if metadata.needs_basic:
            pair = f"{quote_plus(self.app.client_id)}:{quote_plus(self.app.secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            fields |= {"client_id": self.app.client_id, "client_secret": self.app.secret}
        answer = talk.post(metadata.token_endpoint, fields, headers)
        tokens = {name: answer.get(name) for name in ("access_token", "id_token")}
        for name, token in tokens.items():
            if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
                raise PeerError(f"the provider sent no usable {name}")
        return tokens  # type: ignore[return-value]  # texts, as just checked

    def _login(self, identity: Identity, state: Mapping[str, Any]) -> SocialLogin:
        stored = {"issuer": identity.issuer, "sub": identity.subject, "name": identity.name or identity.user_name}
        login = SocialLogin(
            user=User(username=identity.user_name, name=identity.name, email=identity.email),
            account=SocialAccount(provider=self.sub_id, uid=identity.uid, extra_data=stored),
            provider=self,
        )
        login.identity = identity
        login.state = dict(state)
        return login

    def _redirect_uri(self) -> str:
        """As it is registered at the provider: the public URL of the site, whatever host the request names."""
        route = reverse("openid_connect_callback", kwargs={"provider_id": self.sub_id})
        return f"{settings.SEALBUS.public_url}{route}"  # type: ignore[misc]  # ours


provider_classes = [SingleSignOn]


def take_allowance(request: HttpRequest) -> None:
    """Count a step of single sign-on. Raises TooMany."""
    if not ALLOWANCE.take(subject_of(request).actor.address, time.monotonic()):
        raise TooMany(_WAIT_S)
