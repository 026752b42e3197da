"""The rules of the site: where devices may be, which serial ports may be opened, how long history is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.web.devices import services
from sealbus.web.devices.models import AllowedNetwork, RetentionClass, SerialPattern
from sealbus.web.devices.serializers import AllowedNetworkForm, RetentionForm, SerialPatternForm
from sealbus.web.pages.administration.page import CHANGE, Act, ActPage, AdminPage, one_of, url_done
from sealbus.web.pages.checking import checked
from sealbus.web.pages.forms import Form
from sealbus.web.pages.shell.page import redirect_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from sealbus.web.access.requirement import Requirement

__all__ = [
    "EditRetentionPage",
    "NetworksPage",
    "NewRetentionPage",
    "RemoveNetworkPage",
    "RemovePatternPage",
    "RemoveRetentionPage",
    "RetentionPage",
]

_DAYS = ("raw_days", "minute_days", "hour_days", "day_days")
_RETENTION = ("name", *_DAYS, "hold_s")


class NetworksPage(AdminPage):
    """Allowed networks and serial patterns, with a form for one more of each. `what` says which form was sent."""

    access: ClassVar[Mapping[str, Requirement]] = CHANGE
    template = "pages/administration/networks.html"
    title = gettext_lazy("Networks")
    tab = "networks"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        return self._content(Form(), Form())

    def post(self, request: HttpRequest) -> HttpResponse:
        """303 to the list."""
        is_serial = request.POST.get("what") == "serial"
        form = Form(values=request.POST.dict())
        with form.attempt():
            self._add(form, is_serial=is_serial)
        if form.is_good:
            return redirect_to(request, url_done("made", "admin-networks"))
        if is_serial:  # the two forms of this page have fields of different names
            form.problems = {f"serial_{name}": texts for name, texts in form.problems.items()}
        content = self._content(Form(), form) if is_serial else self._content(form, Form())
        return self.show(request, content, status=form.status)

    def _add(self, form: Form, *, is_serial: bool) -> None:
        rules: Any = SerialPatternForm if is_serial else AllowedNetworkForm
        names = ("pattern", "text") if is_serial else ("network", "ports", "text")
        typed = {name: form.values.get(f"serial_{name}" if is_serial else name, "").strip() for name in names}
        members = checked(rules, typed, self.subject)
        row = SerialPattern(**members) if is_serial else AllowedNetwork(**members)
        services.create_setting(row=row, subject=self.subject)

    def _content(self, network: Form, serial: Form) -> dict[str, Any]:
        """Two statements."""
        return {
            "networks": list(AllowedNetwork.objects.visible_to(self.subject)),
            "patterns": list(SerialPattern.objects.visible_to(self.subject)),
            "network_form": network,
            "serial_form": serial,
        }


class RetentionPage(AdminPage):
    """The retention classes."""

    template = "pages/administration/retention.html"
    title = gettext_lazy("Retention")
    tab = "retention"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        """One statement. An administrator sees all of them; `visible_to` is for their users."""
        rows = RetentionClass.objects.visible_to(self.subject).annotate(tag_count=Count("tags")).order_by("name")
        return {"classes": list(rows)}


class _RetentionForm(AdminPage):
    access: ClassVar[Mapping[str, Requirement]] = CHANGE
    template = "pages/administration/retention_class.html"
    tab = "retention"

    def typed(self, request: HttpRequest) -> dict[str, Any]:
        """As a body of the API: empty days are null, for ever."""
        typed: dict[str, Any] = {name: request.POST.get(name, "").strip() for name in _RETENTION}
        typed["day_days"] = typed["day_days"] or None
        return typed


class NewRetentionPage(_RetentionForm):
    """A new class."""

    title = gettext_lazy("New retention class")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        return {"form": Form(_stored(RetentionClass()))}

    def post(self, request: HttpRequest) -> HttpResponse:
        """303 to the list."""
        form = Form(values=self.typed(request))
        with form.attempt():
            members = checked(RetentionForm, form.values, self.subject)
            services.create_setting(row=RetentionClass(**members), subject=self.subject)
        if form.is_good:
            return redirect_to(request, url_done("made", "admin-retention"))
        return self.show(request, {"form": form}, status=form.status)


class EditRetentionPage(_RetentionForm):
    """Changes hold for what is stored already, too."""

    title = gettext_lazy("Change a retention class")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        row = one_of(RetentionClass.objects.visible_to(self.subject), of_url["pk"])
        return {"row": row, "form": Form(_stored(row) | {"version": row.version})}

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        """303 to the list."""
        row = one_of(RetentionClass.objects.visible_to(self.subject), of_url["pk"])
        form = Form(values=self.typed(request) | {"version": request.POST.get("version", "")})
        with form.attempt():
            members = checked(RetentionForm, form.values, self.subject, row=row)
            services.change_setting(row=row, fields=members, subject=self.subject)
        if form.is_good:
            return redirect_to(request, url_done("saved", "admin-retention"))
        shown = one_of(RetentionClass.objects.visible_to(self.subject), row.pk)
        return self.show(request, {"row": shown, "form": form}, status=form.status)


def _stored(row: RetentionClass) -> dict[str, Any]:
    """As one types it."""
    return {name: getattr(row, name) for name in _RETENTION} | {"hold_s": f"{row.hold_s:g}"}


class RemoveNetworkPage(ActPage):
    """Devices there are not reached any more."""

    tab = "networks"

    def rows(self) -> QuerySet[AllowedNetwork]:
        return AllowedNetwork.objects.visible_to(self.subject)

    def explain(self, row: AllowedNetwork) -> Act:
        effects: list[object] = [
            _("The collector ends its connections to these addresses and dials none of them any more."),
            _("Connections that need this network show “refused”, and their tags become stale."),
        ]
        heading = _("Remove the network %(network)s") % {"network": row}
        return Act(heading, effects, _("Remove"), url_done("", "admin-networks"))

    def do(self, row: AllowedNetwork) -> str:
        services.delete_setting(row=row, subject=self.subject)
        return url_done("removed", "admin-networks")


class RemovePatternPage(ActPage):
    """Serial ports are not opened any more."""

    tab = "networks"

    def rows(self) -> QuerySet[SerialPattern]:
        return SerialPattern.objects.visible_to(self.subject)

    def explain(self, row: SerialPattern) -> Act:
        effects: list[object] = [_("The collector closes serial ports that only this pattern allows.")]
        heading = _("Remove the pattern %(pattern)s") % {"pattern": row.pattern}
        return Act(heading, effects, _("Remove"), url_done("", "admin-networks"))

    def do(self, row: SerialPattern) -> str:
        services.delete_setting(row=row, subject=self.subject)
        return url_done("removed", "admin-networks")


class RemoveRetentionPage(ActPage):
    """Possible once no tag is in it."""

    tab = "retention"

    def rows(self) -> QuerySet[RetentionClass]:
        return RetentionClass.objects.visible_to(self.subject)

    def explain(self, row: RetentionClass) -> Act:
        count = row.tags.count()
        words = {"count": count}
        obstacle = _("%(count)s tags are in this class: put them into another one first.") % words if count else ""
        effects: list[object] = [_("No tag is in this class, so nothing that is stored changes.")]
        heading = _("Remove the retention class “%(name)s”") % {"name": row.name}
        return Act(heading, effects if not count else [], _("Remove"), url_done("", "admin-retention"), obstacle)

    def do(self, row: RetentionClass) -> str:
        services.delete_setting(row=row, subject=self.subject)
        return url_done("removed", "admin-retention")
