"""`/me`, `/tokens`, `/access-review`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from allauth.mfa.models import Authenticator
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.response import Response

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.accounts import queries, services
from sealbus.web.accounts.models import ApiToken, User
from sealbus.web.accounts.reviewing import MeShown, ReviewShown, shown_subject
from sealbus.web.accounts.serializers import IssuedTokenShown, TokenForm, TokenShown
from sealbus.web.accounts.subjects import used_second_factor
from sealbus.web.http.authentication import rest_subject
from sealbus.web.http.rest import SubjectView, SubjectViewSet
from sealbus.web.http.strict import body_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

__all__ = ["AccessReviewView", "MeView", "TokensView"]

_ONESELF = Requirement(people_only=True)


class MeView(SubjectView):
    """The caller."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": Requirement(before_second_factor=True)}

    @extend_schema(responses=MeShown)
    def get(self, request: Request) -> Response:
        """The caller, the caller's rights, and the state of the second factor."""
        subject = rest_subject(request)
        user = request._request.user
        kinds = Authenticator.objects.filter(user=subject.user_id).values_list("type", flat=True)
        used = isinstance(user, User) and not subject.is_token and used_second_factor(request._request, user)
        shown = shown_subject(subject, sorted(set(kinds)), used)
        return Response(MeShown(shown).data)


class TokensView(mixins.RetrieveModelMixin, mixins.ListModelMixin, SubjectViewSet):
    """The caller's own tokens; for an administrator, those of all users. Deleting one revokes it."""

    queryset = ApiToken.objects.select_related("user").prefetch_related("groups")
    serializer_class = TokenShown
    lookup_value_regex = r"[0-9]{1,18}"
    access: ClassVar[Mapping[str, Requirement]] = dict.fromkeys(("list", "retrieve", "create", "destroy"), _ONESELF)

    @extend_schema(request=TokenForm, responses={201: IssuedTokenShown})
    def create(self, request: Request) -> Response:
        """A token with at most the caller's own rights. Its secret is shown in this answer only."""
        wanted = services.TokenRequest.of(body_of(request, TokenForm))
        issued = services.issue_token(subject=self.subject, session=request._request.session, wanted=wanted)
        return Response(IssuedTokenShown(issued.token, context={"secret": issued.secret}).data, status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Revoke a token."""
        services.revoke_token(subject=self.subject, token=self.get_object())
        return Response(status=204)


class AccessReviewView(mixins.ListModelMixin, SubjectViewSet):
    """Which user can do what where, with last login and last use of tokens: for the regular review of rights."""

    queryset = User.objects.none()
    serializer_class = ReviewShown
    access: ClassVar[Mapping[str, Requirement]] = {"list": may(Action.AUDIT)}

    def get_queryset(self) -> QuerySet[User]:
        """All users."""
        return queries.reviewed_users(self.subject)
