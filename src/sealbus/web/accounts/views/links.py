"""Links that work once, by API: the caller needs nothing but the secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth import logout
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from sealbus.web.access.requirement import EVERYBODY, Requirement
from sealbus.web.accounts import services
from sealbus.web.accounts.serializers import LinkForm, PasswordForm, SetUpForm, SetUpShown, UserShown
from sealbus.web.accounts.subjects import EMERGENCY_KEY
from sealbus.web.http.authentication import rest_subject
from sealbus.web.http.rest import SubjectView
from sealbus.web.http.strict import body_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest
    from rest_framework.request import Request

__all__ = ["EmergencyView", "PasswordLinkView", "SetUpView", "enter_emergency"]


class SetUpView(SubjectView):
    """The first start."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": EVERYBODY, "POST": EVERYBODY}

    @extend_schema(responses=SetUpShown)
    def get(self, request: Request) -> Response:
        """Whether the site has no administrator yet; nothing else."""
        return Response({"open": services.setup_open()})

    @extend_schema(request=SetUpForm, responses={201: UserShown})
    def post(self, request: Request) -> Response:
        """Create the first administrator. 409 if there is one."""
        user = services.set_up(**body_of(request, SetUpForm), address=rest_subject(request).actor.address)
        return Response(UserShown(user).data, status=201)


class PasswordLinkView(SubjectView):
    """A new password, by a link from an administrator."""

    access: ClassVar[Mapping[str, Requirement]] = {"POST": EVERYBODY}

    @extend_schema(request=PasswordForm, responses={204: None})
    def post(self, request: Request) -> Response:
        """Set the password, and end all sessions, tokens and password links of the user."""
        services.set_password(**body_of(request, PasswordForm), address=rest_subject(request).actor.address)
        return Response(status=204)


class EmergencyView(SubjectView):
    """The view in an emergency, by a link from the shell of the site's machine."""

    access: ClassVar[Mapping[str, Requirement]] = {"POST": EVERYBODY}

    @extend_schema(request=LinkForm, responses={204: None})
    def post(self, request: Request) -> Response:
        """Turn this session into one that may view everything and change nothing."""
        enter_emergency(
            request._request, str(body_of(request, LinkForm)["secret"]), rest_subject(request).actor.address
        )
        return Response(status=204)


def enter_emergency(request: HttpRequest, secret: str, address: str) -> None:
    """A signed-in user is signed out, and the session gets a new id. Raises Forbidden for a bad secret."""
    link = services.open_emergency(secret=secret, address=address)
    logout(request)
    request.session[EMERGENCY_KEY] = link.pk
    request.session.cycle_key()
