"""Roles: which actions each gives, whether it demands a second factor, who has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.web.access.actions import Action
from sealbus.web.accounts import services
from sealbus.web.accounts.models import Role
from sealbus.web.accounts.serializers import RoleChangeForm, RoleForm
from sealbus.web.pages.administration.page import CHANGE, Act, ActPage, AdminPage, one_of, url_done
from sealbus.web.pages.administration.wording import ACTIONS
from sealbus.web.pages.checking import checked
from sealbus.web.pages.forms import Form
from sealbus.web.pages.shell.page import redirect_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse, QueryDict

    from sealbus.web.access.requirement import Requirement

__all__ = ["DeleteRolePage", "EditRolePage", "NewRolePage", "RolesPage"]

_MAX_HOLDERS = 20


class RolesPage(AdminPage):
    """All roles."""

    template = "pages/administration/roles.html"
    title = gettext_lazy("Roles")
    tab = "roles"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        """Two statements."""
        rows = Role.objects.visible_to(self.subject).prefetch_related("grants").order_by("name")
        roles = rows.annotate(holders=Count("assignments__user", distinct=True))
        order = list(Action)
        return {
            "roles": [
                (role, [ACTIONS[a][0] for a in order if a in {g.action for g in role.grants.all()}]) for role in roles
            ]
        }


class _RoleForm(AdminPage):
    access: ClassVar[Mapping[str, Requirement]] = CHANGE
    template = "pages/administration/role.html"
    tab = "roles"

    def shown(self, form: Form, role: Role | None = None) -> dict[str, Any]:
        """What the template needs."""
        chosen = form.values.get("actions", [])
        ticks = [(action.value, *ACTIONS[action], action.value in chosen) for action in Action]
        return {"form": form, "role": role, "ticks": ticks}


class NewRolePage(_RoleForm):
    """A new role."""

    title = gettext_lazy("New role")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        return self.shown(Form())

    def post(self, request: HttpRequest) -> HttpResponse:
        """303 to the list."""
        form = Form(values=_typed(request.POST))
        with form.attempt():
            wanted = services.RoleChanges.of(checked(RoleForm, form.values, self.subject))
            services.create_role(subject=self.subject, wanted=wanted)
        if form.is_good:
            return redirect_to(request, url_done("made", "admin-roles"))
        return self.show(request, self.shown(form), status=form.status)


class EditRolePage(_RoleForm):
    """A role, changed for everybody who has it."""

    title = gettext_lazy("Change a role")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        role = one_of(Role.objects.visible_to(self.subject), of_url["pk"])
        actions = list(role.grants.values_list("action", flat=True))
        names = ("name", "text", "needs_second_factor", "version")
        return self.shown(Form({name: getattr(role, name) for name in names} | {"actions": actions}), role)

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        """303 to the list."""
        role = one_of(Role.objects.visible_to(self.subject), of_url["pk"])
        form = Form(values=_typed(request.POST) | {"version": request.POST.get("version", "")})
        with form.attempt():
            members = checked(RoleChangeForm, form.values, self.subject)
            changes = services.RoleChanges.of(members)
            services.change_role(subject=self.subject, role=role, changes=changes, version=members["version"])
        if form.is_good:
            return redirect_to(request, url_done("saved", "admin-roles"))
        return self.show(request, self.shown(form, one_of(Role.objects.all(), role.pk)), status=form.status)


class DeleteRolePage(ActPage):
    """A role less, for everybody who has it."""

    tab = "roles"

    def rows(self) -> QuerySet[Role]:
        return Role.objects.visible_to(self.subject)

    def explain(self, row: Role) -> Act:
        holders = list(row.assignments.values_list("user__username", flat=True).distinct()[: _MAX_HOLDERS + 1])
        effects: list[object] = []
        if holders:
            names = ", ".join(holders[:_MAX_HOLDERS]) + (" …" if len(holders) > _MAX_HOLDERS else "")
            effects.append(_("These people lose its rights at once: %(names)s.") % {"names": names})
        else:
            effects.append(_("Nobody has this role."))
        effects.append(_("It cannot be restored; the audit keeps what it gave and who had it."))
        return Act(
            _("Delete the role “%(name)s”") % {"name": row.name}, effects, _("Delete"), url_done("", "admin-roles")
        )

    def do(self, row: Role) -> str:
        services.delete_role(subject=self.subject, role=row)
        return url_done("removed", "admin-roles")


def _typed(post: QueryDict) -> dict[str, Any]:
    """What was typed, as a body of the API: a box without a tick is false."""
    return {
        "name": post.get("name", ""),
        "text": post.get("text", ""),
        "actions": post.getlist("actions"),
        "needs_second_factor": "needs_second_factor" in post,
    }
