"""Groups of devices, in which roles are given. An archived group keeps what belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.web.accounts import services
from sealbus.web.accounts.models import Group
from sealbus.web.accounts.serializers import GroupChangeForm, GroupForm
from sealbus.web.pages.administration.page import CHANGE, Act, ActPage, AdminPage, one_of, url_done
from sealbus.web.pages.checking import checked
from sealbus.web.pages.forms import Form
from sealbus.web.pages.paging import paged
from sealbus.web.pages.shell.page import redirect_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from sealbus.web.access.requirement import Requirement

__all__ = ["ArchiveGroupPage", "EditGroupPage", "GroupsPage", "NewGroupPage", "RestoreGroupPage"]


class GroupsPage(AdminPage):
    """All groups, or the archived ones."""

    template = "pages/administration/groups.html"
    title = gettext_lazy("Groups")
    tab = "groups"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        """Two statements."""
        text, archived = request.GET.get("q", "").strip()[:100], "archived" in request.GET
        rows = Group.objects.visible_to(self.subject).filter(archived_at__isnull=not archived)
        if text:
            rows = rows.filter(Q(name__icontains=text) | Q(text__icontains=text))
        rows = rows.annotate(
            device_count=Count("devices", filter=Q(devices__archived_at=None), distinct=True),
            connection_count=Count("connections", filter=Q(connections__archived_at=None), distinct=True),
            people_count=Count("assignments__user", distinct=True),
        )
        return {"groups": paged(request, rows.order_by("name")), "q": text, "archived": archived}


class _GroupForm(AdminPage):
    access: ClassVar[Mapping[str, Requirement]] = CHANGE
    template = "pages/administration/group.html"
    tab = "groups"


class NewGroupPage(_GroupForm):
    """A new group."""

    title = gettext_lazy("New group")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        return {"form": Form()}

    def post(self, request: HttpRequest) -> HttpResponse:
        """303 to the list."""
        form = Form(values=request.POST.dict())
        with form.attempt():
            typed = {name: form.values.get(name, "") for name in ("name", "text")}
            services.create_group(subject=self.subject, **checked(GroupForm, typed, self.subject))
        if form.is_good:
            return redirect_to(request, url_done("made", "admin-groups"))
        return self.show(request, {"form": form}, status=form.status)


class EditGroupPage(_GroupForm):
    """Another name or remark."""

    title = gettext_lazy("Change a group")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        group = one_of(Group.objects.visible_to(self.subject), of_url["pk"])
        return {"group": group, "form": Form({name: getattr(group, name) for name in ("name", "text", "version")})}

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        """303 to the list."""
        group = one_of(Group.objects.visible_to(self.subject), of_url["pk"])
        form = Form(values=request.POST.dict())
        with form.attempt():
            typed = {name: form.values.get(name, "") for name in ("name", "text", "version")}
            members = checked(GroupChangeForm, typed, self.subject)
            version = members.pop("version")
            services.change_group(subject=self.subject, group=group, changes=members, version=version)
        if form.is_good:
            return redirect_to(request, url_done("saved", "admin-groups"))
        return self.show(request, {"group": one_of(Group.objects.all(), group.pk), "form": form}, status=form.status)


class _OnGroup(ActPage):
    tab = "groups"

    def rows(self) -> QuerySet[Group]:
        return Group.objects.visible_to(self.subject)


class ArchiveGroupPage(_OnGroup):
    """Possible once nothing is polled in it."""

    def explain(self, row: Group) -> Act:
        counts = {kind: count(row.pk) for kind, count in services.GROUP_CONTENTS.items()}
        obstacle = ""
        if any(counts.values()):
            obstacle = _(
                "In this group are %(devices)s devices and %(connections)s connections, which would still be polled. "
                "Archive them or move them to another group first."
            ) % {"devices": counts.get("devices", 0), "connections": counts.get("connections", 0)}
        effects: list[object] = [
            _("No more roles are given in this group, and it is not offered any more."),
            _("Its history and its entries in the audit stay. It can be restored."),
        ]
        words = {"name": row.name}
        heading, back = _("Archive the group “%(name)s”") % words, url_done("", "admin-groups")
        return Act(heading, effects, _("Archive"), back, obstacle)

    def do(self, row: Group) -> str:
        services.archive_group(subject=self.subject, group=row)
        return url_done("archived", "admin-groups")


class RestoreGroupPage(_OnGroup):
    """In use again."""

    def explain(self, row: Group) -> Act:
        effects: list[object] = [_("The group is in use again, with the roles that people have in it.")]
        heading = _("Restore the group “%(name)s”") % {"name": row.name}
        return Act(heading, effects, _("Restore"), url_done("", "admin-groups"))

    def do(self, row: Group) -> str:
        services.restore_group(subject=self.subject, group=row)
        return url_done("restored", "admin-groups")
