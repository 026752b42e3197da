"""One person: all rights on one page, and every act on the account."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.web.access.actions import Action
from sealbus.web.accounts import services
from sealbus.web.accounts.models import Assignment, User
from sealbus.web.accounts.queries import open_sessions, reviewed_users
from sealbus.web.accounts.serializers import AssignmentForm, UserChangeForm
from sealbus.web.pages.administration.page import CHANGE, Act, ActPage, AdminPage, one_of, url_done
from sealbus.web.pages.administration.people import group_choices, place_of, role_choices
from sealbus.web.pages.administration.rights import USE_DAYS, actions_of, uses_of
from sealbus.web.pages.administration.wording import FACTORS
from sealbus.web.pages.checking import checked
from sealbus.web.pages.forms import Form
from sealbus.web.pages.shell.page import redirect_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from sealbus.web.access.requirement import Requirement

__all__ = [
    "EditPersonPage",
    "EndSessionsPage",
    "GiveRolePage",
    "PasswordLinkPage",
    "PersonPage",
    "ResetFactorPage",
    "SwitchOffPage",
    "SwitchOnPage",
    "TakeRolePage",
]

_SESSIONS_SHOWN = 50


class PersonPage(AdminPage):
    """What one person is, has and may do."""

    template = "pages/administration/person.html"
    tab = "people"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        """Eight statements, whatever the person has."""
        user = one_of(reviewed_users(self.subject), of_url["pk"])
        uses = uses_of(user, self.subject)
        kinds = sorted({str(each.type) for each in user.authenticator_set.all()})
        demanded = any(held.role.needs_second_factor for held in user.assignments.all())
        held = actions_of(user, uses or {})
        return {
            "title": user.username,
            "person": user,
            "held": held,
            "knows_uses": uses is not None,
            "unused": [each for each in held if each.leaves_traces and each.last_used is None]
            if uses is not None
            else [],
            "use_days": USE_DAYS,
            "factors": [FACTORS.get(kind, kind) for kind in kinds],
            "lacks_factor": demanded and not kinds,
            "tokens": user.auth_token_set.all(),
            "sessions": list(open_sessions(self.subject).filter(user=user)[:_SESSIONS_SHOWN]),
            "is_oneself": user.pk == self.subject.user_id,
            "may_audit": self.subject.rights.allows(Action.AUDIT, None),
        }


class _OnPerson(ActPage):
    tab = "people"

    def rows(self) -> QuerySet[User]:
        return User.objects.get_queryset().visible_to(self.subject)


class SwitchOffPage(_OnPerson):
    """No sign-in any more."""

    def explain(self, row: User) -> Act:
        effects: list[object] = [
            _("%(name)s cannot sign in any more, and is signed out everywhere at once.") % {"name": row.username},
            _("All tokens of this person are revoked: programs that use them stop working."),
            _("The account, its roles and its entries in the audit stay. It can be switched on again."),
        ]
        if row.pk == self.subject.user_id:
            effects.append(_("This is your own account: you will be signed out."))
        return Act(_("Switch off %(name)s") % {"name": row.username}, effects, _("Switch off"), _url(row))

    def do(self, row: User) -> str:
        changes = services.UserChanges(is_active=False)
        services.change_user(subject=self.subject, user=row, changes=changes)
        return "/" if row.pk == self.subject.user_id else url_done("off", "person", row.pk)


class SwitchOnPage(_OnPerson):
    """Sign-in is possible again."""

    def explain(self, row: User) -> Act:
        effects: list[object] = [
            _("%(name)s can sign in again with the password and second factor of before.") % {"name": row.username},
            _("The roles of before count again. Look at them first if the account was switched off for a long time."),
        ]
        return Act(_("Switch on %(name)s") % {"name": row.username}, effects, _("Switch on"), _url(row))

    def do(self, row: User) -> str:
        services.change_user(subject=self.subject, user=row, changes=services.UserChanges(is_active=True))
        return url_done("on", "person", row.pk)


class EndSessionsPage(_OnPerson):
    """Everything that was handed out ends."""

    def explain(self, row: User) -> Act:
        effects: list[object] = [
            _("%(name)s is signed out everywhere at once; what is typed in open pages and not saved is lost.")
            % {"name": row.username},
            _("All tokens are revoked, and password links end: programs that use the tokens stop working."),
            _("Password and second factor stay: signing in again is possible at once."),
        ]
        return Act(_("End the sessions of %(name)s") % {"name": row.username}, effects, _("End all"), _url(row))

    def do(self, row: User) -> str:
        services.end_sessions(subject=self.subject, user=row)
        return "/" if row.pk == self.subject.user_id else url_done("ended", "person", row.pk)


class ResetFactorPage(_OnPerson):
    """For somebody who lost the telephone."""

    def explain(self, row: User) -> Act:
        effects: list[object] = [
            _("All second factors of %(name)s are removed, recovery codes too.") % {"name": row.username},
            _("All sessions end, tokens are revoked and password links end."),
            _("Until a new second factor is added, roles that demand one give no rights."),
            _("Make sure that it is really this person who asks: call back on a known number."),
        ]
        return Act(_("Reset the second factor of %(name)s") % {"name": row.username}, effects, _("Reset"), _url(row))

    def do(self, row: User) -> str:
        services.reset_second_factor(subject=self.subject, user=row)
        return "/" if row.pk == self.subject.user_id else url_done("reset", "person", row.pk)


class PasswordLinkPage(_OnPerson):
    """A link that sets a new password. It is shown once, in the answer."""

    def explain(self, row: User) -> Act:
        effects: list[object] = [
            _("A link is made that works once, for 24 hours. It is shown only on the next page."),
            _("An earlier link ends. The password of now stays valid until the link is used."),
            _("When it is used, all sessions, tokens and other links of %(name)s end.") % {"name": row.username},
        ]
        return Act(_("New password link for %(name)s") % {"name": row.username}, effects, _("Make the link"), _url(row))

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        """The link in the answer, or the reason why there is none."""
        user = one_of(self.rows(), of_url["pk"])
        form, link = Form(values=request.POST), None
        with form.attempt():
            link = services.password_link(subject=self.subject, user=user)
        if not form.is_good:
            return self._ask(request, user, form)
        self.template = "pages/administration/person_new.html"  # type: ignore[misc]  # of this request
        self.fragment = ""  # type: ignore[misc]  # of this request
        return self.show(request, {"title": user.username, "user": user, "link": link}, status=HTTPStatus.OK)


class TakeRolePage(ActPage):
    """One role less."""

    tab = "people"

    def rows(self) -> QuerySet[Assignment]:
        return Assignment.objects.visible_to(self.subject).select_related("user", "role", "group")

    def explain(self, row: Assignment) -> Act:
        where = row.group.name if row.group else _("all groups")
        words = {"name": row.user.username, "role": row.role.name, "where": where}
        effects: list[object] = [
            _("%(name)s loses the role “%(role)s” in %(where)s at once.") % words,
            _("Commands that were requested with it and not begun are refused."),
        ]
        return Act(_("Take the role “%(role)s” from %(name)s") % words, effects, _("Take away"), _url(row.user))

    def do(self, row: Assignment) -> str:
        services.unassign(subject=self.subject, assignment=row)
        return url_done("taken", "person", row.user_id)


class _PersonForm(AdminPage):
    access: ClassVar[Mapping[str, Requirement]] = CHANGE
    tab = "people"

    def person(self, pk: int) -> User:
        """Raises NotFound."""
        found: User = one_of(User.objects.get_queryset().visible_to(self.subject), pk)
        return found


class EditPersonPage(_PersonForm):
    """Name and e-mail address."""

    template = "pages/administration/person_edit.html"
    title = gettext_lazy("Change a person")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        user = self.person(of_url["pk"])
        return {"person": user, "form": Form({"name": user.name, "email": user.email, "version": user.version})}

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        """303 to the person."""
        user, form = self.person(of_url["pk"]), Form(values=request.POST.dict())
        with form.attempt():
            typed = {name: form.values.get(name, "") for name in ("name", "email", "version")}
            members = checked(UserChangeForm, typed, self.subject)
            version = members.pop("version")
            changes = services.UserChanges(**members)
            services.change_user(subject=self.subject, user=user, changes=changes, version=version)
        if form.is_good:
            return redirect_to(request, url_done("saved", "person", user.pk))
        return self.show(request, {"person": self.person(user.pk), "form": form}, status=form.status)


class GiveRolePage(_PersonForm):
    """One role more, in one group or in all."""

    template = "pages/administration/role_give.html"
    title = gettext_lazy("Give a role")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        return self._content(self.person(of_url["pk"]), Form())

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        """303 to the person."""
        user, form = self.person(of_url["pk"]), Form(values=request.POST.dict())
        with form.attempt():
            typed = {"user": user.pk, "role": form.values.get("role"), "group": place_of(form.values.get("group", ""))}
            services.assign(subject=self.subject, **checked(AssignmentForm, typed, self.subject))
        if form.is_good:
            return redirect_to(request, url_done("given", "person", user.pk))
        return self.show(request, self._content(user, form), status=form.status)

    def _content(self, user: User, form: Form) -> dict[str, Any]:
        roles = role_choices(gettext_lazy("Choose a role"))
        return {"person": user, "form": form, "roles": roles, "groups": group_choices(self.subject)}


def _url(user: User) -> str:
    return url_done("", "person", user.pk).partition("?")[0]
