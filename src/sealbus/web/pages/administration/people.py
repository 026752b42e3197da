"""The list of people, and a new person with a link that sets the password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Prefetch, Q
from django.utils.translation import gettext_lazy as _

from sealbus.web.accounts import services
from sealbus.web.accounts.models import Assignment, Group, Role, User
from sealbus.web.accounts.serializers import AssignmentForm, UserForm
from sealbus.web.pages.administration.page import CHANGE, AdminPage
from sealbus.web.pages.checking import checked
from sealbus.web.pages.forms import Form
from sealbus.web.pages.paging import paged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from sealbus.web.access.requirement import Requirement
    from sealbus.web.access.subject import Subject
    from sealbus.web.accounts.services import MadeLink

__all__ = ["NewPersonPage", "PeoplePage", "group_choices", "place_of", "role_choices"]

_STATES = {
    "": _("All people"),
    "on": _("Can sign in"),
    "off": _("Switched off"),
    "without-factor": _("Without second factor"),
    "never": _("Never signed in"),
}
_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class PeoplePage(AdminPage):
    """Everybody with an account."""

    template = "pages/administration/people.html"
    title = _("People")
    tab = "people"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        """Three statements."""
        text, state = request.GET.get("q", "").strip()[:100], request.GET.get("state", "")
        people = paged(request, _people(self.subject, text, state))
        return {"people": people, "q": text, "state": state, "states": _STATES.items(), "is_narrowed": text or state}


class NewPersonPage(AdminPage):
    """A new account with at most one role, and the link with which the person sets the password."""

    access: ClassVar[Mapping[str, Requirement]] = CHANGE
    template = "pages/administration/person_new.html"
    title = _("New person")
    tab = "people"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        return self._content(Form())

    def post(self, request: HttpRequest) -> HttpResponse:
        """The link is shown in this answer only: nothing keeps it."""
        form = Form(values=request.POST.dict())
        user: User | None = None
        link: MadeLink | None = None
        with form.attempt():
            user, link = self._make(form.values)
        if not form.is_good:
            return self.show(request, self._content(form), status=form.status)
        return self.show(request, {"user": user, "link": link, "is_new": True, "title": form.values["username"]})

    def _make(self, typed: Mapping[str, Any]) -> tuple[User, MadeLink]:
        """Account, role and link, or none of them."""
        members = checked(UserForm, {name: typed.get(name, "") for name in ("username", "name", "email")}, self.subject)
        with transaction.atomic():
            user = services.create_user(subject=self.subject, **members)
            if typed.get("role"):
                wanted = {"user": user.pk, "role": typed["role"], "group": place_of(typed.get("group", ""))}
                services.assign(subject=self.subject, **checked(AssignmentForm, wanted, self.subject))
            return user, services.password_link(subject=self.subject, user=user)

    def _content(self, form: Form) -> dict[str, Any]:
        return {"form": form, "roles": role_choices(), "groups": group_choices(self.subject)}


def role_choices(empty: object = _("No role yet")) -> list[tuple[object, object]]:
    """For a select."""
    return [("", empty), *Role.objects.order_by("name").values_list("pk", "name")]


def group_choices(subject: Subject) -> list[tuple[object, object]]:
    """For a select; all groups is said in words, so that nobody gives it by leaving a field empty."""
    groups = Group.objects.visible_to(subject).live().order_by("name").values_list("pk", "name")
    return [("", _("Choose where")), *groups, ("all", _("In all groups, later ones too"))]


def place_of(typed: str) -> str | None:
    """A chosen group as the API has it: null is all groups; nothing chosen is refused there."""
    return None if typed == "all" else typed or "0"


def _people(subject: Subject, text: str, state: str) -> QuerySet[User]:
    rows: QuerySet[User] = User.objects.get_queryset().visible_to(subject)
    rows = rows.annotate(
        last_seen=Max("usersession__last_seen_at"),
        has_factor=Exists(Authenticator.objects.filter(user=OuterRef("pk"), type__in=_FACTORS)),
    )
    if text:
        rows = rows.filter(Q(username__icontains=text) | Q(name__icontains=text) | Q(email__icontains=text))
    narrowed = {
        "on": Q(is_active=True), "off": Q(is_active=False), "without-factor": Q(has_factor=False, is_active=True),
        "never": Q(last_login=None),
    }  # fmt: skip
    if state in narrowed:
        rows = rows.filter(narrowed[state])
    held = Assignment.objects.select_related("role", "group").order_by("role__name", "group__name")
    return rows.order_by("username").prefetch_related(Prefetch("assignments", held))
