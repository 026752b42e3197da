"""Making and changing a device, and finding its tags: by template, by SunSpec, by scan, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.plant import CommandKind, CommandResult, RegistersScanned, SunSpecFound
from sealbus.protocol import ValueType, parse_place
from sealbus.web.access.actions import Action
from sealbus.web.devices import services
from sealbus.web.devices.interchange import Report
from sealbus.web.devices.models import Command, Connection, Device, Template
from sealbus.web.devices.serializers import DeviceForm
from sealbus.web.errors import Conflict, Invalid, NotFound
from sealbus.web.pages.forms import Form
from sealbus.web.pages.plant.devices import MAY_CONFIGURE, PlantPage, groups_for
from sealbus.web.pages.plant.editing import ArchivePage, ChangePage, NewPage, RestorePage, RowPage
from sealbus.web.pages.plant.paging import id_in, number_in
from sealbus.web.pages.plant.typed import Kind, Section, Typed
from sealbus.web.pages.shell.page import redirect_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from django.http import HttpRequest, HttpResponse

    from sealbus.web.access.requirement import Requirement

__all__ = [
    "DeviceArchivePage",
    "DeviceChangePage",
    "DeviceNewPage",
    "DeviceRestorePage",
    "DeviceTagsPage",
]

_LIMITS = tuple(
    Typed(name, label, Kind.NUMBER, schema="DeviceForm")
    for name, label in (
        ("max_registers", gettext_lazy("Registers in one request")),
        ("max_bits", gettext_lazy("Bits in one request")),
        ("gap_registers", gettext_lazy("Registers to read over")),
        ("gap_bits", gettext_lazy("Bits to read over")),
    )
)
_MAX_LISTED = 500
"""Rows with three fields each; a form has 2,000 fields at most (DATA_UPLOAD_MAX_NUMBER_FIELDS)."""
_MAX_TICKED = 40
_TYPES = ("uint16", "int16", "uint32", "int32", "float32", "uint64", "int64", "float64")


class _DeviceForm(RowPage):
    model = Device
    serializer = DeviceForm
    shown_by = "device"
    list_of = "devices"

    def sections(self, row: Any) -> Sequence[Section]:
        groups = [(group.pk, group.name) for group in groups_for(self.subject, Action.CONFIGURE)]
        lines = Connection.objects.visible_to(self.subject).live().order_by("name").values_list("pk", "name")
        return (
            Section(_("Device"), (
                Typed("name", _("Name"), required=True, hint=_("As people on the site call it.")),
                Typed("group", _("Group"), Kind.ROW, choices=groups, required=True,
                      hint=_("Who has a role in this group sees the device.")),
                Typed("connection", _("Connection"), Kind.ROW, choices=[("", _("none: calculated tags only")), *lines],
                      hint=_("The way to it. A scan of a connection finds the units behind it.")),
                Typed("unit_id", _("Unit"), Kind.NUMBER, schema="DeviceForm"),
                Typed("text", _("Remark")),
                Typed("enabled", _("Poll this device"), Kind.TICK),
            )),
            Section(_("Limits of the device"), (
                *_LIMITS,
                Typed("forbidden", _("Never read"), Kind.LIST, schema="DeviceForm", placeholder="holding:100-119"),
            ), is_open=False),
        )  # fmt: skip


class DeviceNewPage(_DeviceForm, NewPage):
    """A new device."""

    title = gettext_lazy("New device")

    def proposed(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        found = super().proposed(request, row)
        line = None
        if (pk := number_in(request.GET, "connection")) is not None:
            line = Connection.objects.visible_to(self.subject).live().filter(pk=pk).first()
        if line is not None:
            found.setdefault("group", line.group_id)
        if (unit := number_in(request.GET, "unit")) is not None:
            found["unit_id"] = unit
        return found

    def after(self, request: HttpRequest, row: Any) -> HttpResponse:
        return redirect_to(request, reverse("device-tags", args=[row.pk]))


class DeviceChangePage(_DeviceForm, ChangePage):
    """The settings of a device."""

    title = gettext_lazy("Change the device")


class _OfDevice:
    model: ClassVar[Any] = Device
    shown_by: ClassVar[str] = "device"
    list_of: ClassVar[str] = "devices"


class DeviceArchivePage(_OfDevice, ArchivePage):
    """Archives a device with its tags."""


class DeviceRestorePage(_OfDevice, RestorePage):
    """Restores a device."""


class DeviceTagsPage(PlantPage):
    """Where its tags can come from; and of a command that has found something, what to tick."""

    access: ClassVar[Mapping[str, Requirement]] = MAY_CONFIGURE
    template = "pages/plant/device_tags.html"
    title = gettext_lazy("Find tags")

    def get(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        device = self._device(of_url["pk"])
        return self._answer(request, device, Form({"place": "holding:0-199"}), None)

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        device, form, report = self._device(of_url["pk"]), Form(request.POST), Report()
        with form.attempt(), services.import_slot(self.subject):
            self._make(device, request, report)
        if form.is_good and not report.has_problems():
            return redirect_to(request, reverse("device", args=[device.pk]))
        if form.is_good:
            form.status = 422
        return self._answer(request, device, form, report)

    def _make(self, device: Device, request: HttpRequest, report: Report) -> None:
        source = request.POST.get("source")
        if source == "template":
            templates = Template.objects.visible_to(self.subject).filter(archived_at__isnull=True)
            template = templates.filter(pk=number_in(request.POST, "template") or 0).first()
            if template is None:
                raise Invalid({"template": [_("Choose one")]})
            services.apply_template(
                template=template, device=device, report=report, subject=self.subject, dry_run=False
            )
            return
        command = self._command(device, request.POST)
        if command is None:
            raise Conflict(_("This device has no command of this id"))
        if source == "sunspec":
            options = {
                "scale_factors": "live",
                "with_value_only": request.POST.get("with_value_only") == "true",
                "models": [pk for each in request.POST.getlist("model") if (pk := id_in(each)) is not None],
            }
            services.make_sunspec_tags(
                command=command, device=device, report=report, subject=self.subject, options=options, dry_run=False
            )
            return
        tags = list(_ticked(request))
        if not tags:
            raise Invalid({"pick": [_("Tick at least one address")]})
        services.tags_into(device=device, tags=tags, report=report, subject=self.subject, dry_run=False)

    def _answer(self, request: HttpRequest, device: Device, form: Form, report: Report | None) -> HttpResponse:
        command = self._command(device, request.POST if request.method == "POST" else request.GET)
        found = (
            None if command is None or command.result is None else msgspec.convert(command.result, CommandResult).found
        )
        templates = Template.objects.visible_to(self.subject).filter(archived_at__isnull=True)
        content = {
            "device": device,
            "form": form,
            "report": report,
            "command": command,
            "rows": _scanned(found, request) if isinstance(found, RegistersScanned) else [],
            "models": found.models if isinstance(found, SunSpecFound) else [],
            "types": _TYPES,
            "templates": templates.defer("body").order_by("manufacturer", "name", "-number"),
            "has_line": device.connection is not None,
        }
        return self.show(request, content, status=form.status)

    def _device(self, pk: int) -> Device:
        found = Device.objects.visible_to(self.subject).live().filter(pk=pk).select_related("group", "connection")
        device = found.first()
        if device is None:
            raise NotFound
        return device

    def _command(self, device: Device, query: Any) -> Command | None:
        if (pk := number_in(query, "command")) is None:
            return None
        kinds = [CommandKind.SCAN_REGISTERS, CommandKind.SUNSPEC]
        return Command.objects.visible_to(self.subject).filter(pk=pk, device=device, kind__in=kinds).first()


def _scanned(found: RegistersScanned, request: HttpRequest) -> list[dict[str, Any]]:
    """The addresses that have a value, as rows to tick."""
    picked = set(request.POST.getlist("pick"))
    rows: list[dict[str, Any]] = []
    for each in found.ranges:
        if each.exception is not None:
            continue
        place = parse_place(each.place)
        for number, value in enumerate(each.values):
            address = place.address + number
            key = f"{place.table}:{address}"
            rows.append({"place": key, "value": value, "name": request.POST.get(f"name-{key}", key.replace(":", " ")),
                         "type": request.POST.get(f"type-{key}", ""), "is_bit": place.table in ("coils", "discrete"),
                         "signed": value - 0x10000 if value >= 0x8000 else None})  # fmt: skip
    rows = rows[:_MAX_LISTED]
    default = picked or ({row["place"] for row in rows} if len(rows) <= _MAX_TICKED else set())
    for row in rows:
        row["is_picked"] = row["place"] in default
    return rows


def _ticked(request: HttpRequest) -> Iterator[dict[str, Any]]:
    for place in request.POST.getlist("pick")[:_MAX_LISTED]:
        tag = {"name": request.POST.get(f"name-{place}", "") or place, "place": place}
        kind = request.POST.get(f"type-{place}", "")
        if not place.startswith(("coils", "discrete")):
            tag["type"] = kind if kind in set(ValueType) else "uint16"
        yield tag
