"""The way back from the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import complete_social_login, render_authentication_error
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base.constants import AuthError
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.views import View

from sealbus.errors import PeerError
from sealbus.web.access.requirement import EVERYBODY
from sealbus.web.accounts.single_sign_on.confirming import confirm, is_confirming
from sealbus.web.accounts.single_sign_on.outbound import Busy, conversation
from sealbus.web.accounts.single_sign_on.provider import BUSY_S, SingleSignOn, take_allowance
from sealbus.web.errors import Unavailable

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

__all__ = ["CallbackView"]


class CallbackView(View):
    """Sign in, link the account, or confirm who is signed in, by the answer of the provider."""

    access = {"GET": EVERYBODY}  # noqa: RUF012 - as every view declares it

    def get(self, request: HttpRequest, provider_id: str) -> HttpResponse:
        """Back to where the user came from; with `error=` in the URL where that was not possible."""
        take_allowance(request)
        try:
            provider: SingleSignOn = get_adapter(request).get_provider(request, provider_id)
        except SocialApp.DoesNotExist:
            raise Http404 from None
        state = None
        try:
            with conversation() as talk:  # before the state is used up, so that the page can be loaded again
                state = provider.unstash_redirect_state(request, request.GET.get("state", ""))
                if request.GET.get("error") == "access_denied":
                    return _failed(request, provider, state, error=AuthError.CANCELLED)
                login = provider.login_of(request.GET.get("code", ""), state, talk)
            if is_confirming(state):
                confirm(request, login, state)
                return HttpResponseRedirect(login.get_redirect_url(request) or "/")
        except Busy:
            raise Unavailable(BUSY_S) from None
        except PermissionDenied:  # an answer to no attempt of this browser, or a second answer
            return _failed(request, provider, state)
        except PeerError as error:
            return _failed(request, provider, state, exception=error)
        answer: HttpResponse = complete_social_login(request, login)
        return answer


def _failed(request: HttpRequest, provider: SingleSignOn, state: object, **more: object) -> HttpResponse:
    answer: HttpResponse = render_authentication_error(request, provider, extra_context={"state": state}, **more)
    return answer
