"""One device: its tags, what is read together, its connection, its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.plant import DEVICE_BOUNDS, DevicePlan, TagPlan
from sealbus.protocol import parse_place
from sealbus.web.access.actions import Action
from sealbus.web.devices.models import Command, Device
from sealbus.web.devices.queries import as_plan
from sealbus.web.errors import NotFound
from sealbus.web.pages.plant.collecting import collecting, sees
from sealbus.web.pages.plant.commands import last_commands, values_read
from sealbus.web.pages.plant.devices import PlantPage
from sealbus.web.pages.plant.health import Tally, health_of
from sealbus.web.pages.plant.paging import Paged, number_in
from sealbus.web.pages.plant.queries import tallies_of, with_values, words_in
from sealbus.web.pages.plant.registers import ORDERS, decodings, register_map, words_of

if TYPE_CHECKING:
    from django.http import HttpRequest

    from sealbus.web.devices.models import Tag
    from sealbus.web.pages.plant.collecting import Collecting

__all__ = ["DeviceConnectionPage", "DevicePage", "DeviceRegistersPage", "DeviceSettingsPage", "DeviceStatePage"]

_MAX_MAPPED = 2000


class _DevicePage(PlantPage):
    tab: ClassVar[str] = ""

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        device = self.device(of_url["pk"])
        collected = collecting()
        seen = sees(self.subject, device.connection)
        tally = tallies_of(Device.objects.filter(pk=device.pk)).get(device.pk) or Tally()
        may_configure = self.subject.rights.allows(Action.CONFIGURE, device.group_id)
        has_line = device.connection is not None and device.archived_at is None
        return {
            "title": device.name,
            "device": device,
            "tab": self.tab,
            "tabs": _tabs(device),
            "collected": collected,
            "health": health_of(device, tally, collected, sees_connection=seen),
            "tally": tally,
            "state": collected.connection_of(device) if seen else None,
            "polls": collected.polls.get(device.pk, ()),
            "sees_connection": seen,
            "may_configure": may_configure,
            "may_read": has_line and self.subject.rights.allows(Action.WRITE, device.group_id),
            "may_test": has_line and may_configure,
        } | self.of_tab(request, device, collected)

    def device(self, pk: int) -> Device:
        """The device, archived or not. NotFound."""
        found = Device.objects.visible_to(self.subject).filter(pk=pk).select_related("group", "connection")
        device = found.first()
        if device is None:
            raise NotFound
        return device

    def of_tab(self, request: HttpRequest, device: Device, collected: Collecting) -> dict[str, Any]:
        """What this tab shows."""
        return {}


class DevicePage(_DevicePage):
    """Its tags with their values, and its last commands."""

    template = "pages/device.html"
    title = gettext_lazy("Device")
    tab = "tags"

    def of_tab(self, request: HttpRequest, device: Device, collected: Collecting) -> dict[str, Any]:
        tags = device.tags.live() if device.archived_at is None else device.tags.all()
        tags = tags.filter(words_in(request.GET.get("q", ""), "name", "text", "place")).order_by("name", "pk")
        page = Paged.of(request, tags, tags.count())
        commands = Command.objects.visible_to(self.subject).filter(device=device)
        return {
            "page_of": page,
            "rows": with_values(page.rows),
            "refused": collected.refused,
            "commands": last_commands(commands),
            "filters": request.GET,
        }


class DeviceRegistersPage(_DevicePage):
    """What is read together; and for one tag what its words can mean."""

    template = "pages/plant/device_registers.html"
    title = gettext_lazy("Registers")
    tab = "registers"

    def of_tab(self, request: HttpRequest, device: Device, collected: Collecting) -> dict[str, Any]:
        tags = {tag.pk: tag for tag in device.tags.live().filter(expression="").order_by("pk")[:_MAX_MAPPED]}
        plans = {pk: as_plan(TagPlan, _columns(tag)) for pk, tag in tags.items()}
        enabled = [plan for plan in plans.values() if plan.enabled]
        shown = register_map(as_plan(DevicePlan, _columns(device)), enabled, collected.refused)
        reading = self._last_reading(device)
        read = values_read(reading)
        words = words_of((plans[each.tag_id], each.raw) for each in read if each.tag_id in plans)
        return {
            "map": shown,
            "tags": tags,
            "refused": [tags[pk] for pk in shown.refused],
            "unusable": [(tags[pk], why) for pk, why in shown.unusable],
            "reading": reading,
            "raws": {each.tag_id: each.raw for each in read},
            "orders": ORDERS,
            "chosen": self._chosen(request, tags, words),
        }

    def _last_reading(self, device: Device) -> Command | None:
        commands = Command.objects.visible_to(self.subject).filter(device=device, kind="read", result__isnull=False)
        return commands.order_by("-id").first()

    def _chosen(self, request: HttpRequest, tags: dict[int, Tag], words: Any) -> dict[str, Any] | None:
        tag = tags.get(number_in(request.GET, "tag") or 0)
        if tag is None:
            return None
        place = parse_place(tag.place)
        return {
            "tag": tag,
            "decodings": decodings(words, place.table, place.address),
            "words": [(place.address + n, words[place.table, place.address + n]) for n in range(4)
                      if (place.table, place.address + n) in words],
        }  # fmt: skip


class DeviceConnectionPage(_DevicePage):
    """The way to it, as the collector finds it."""

    template = "pages/plant/device_connection.html"
    title = gettext_lazy("Connection")
    tab = "connection"

    def of_tab(self, request: HttpRequest, device: Device, collected: Collecting) -> dict[str, Any]:
        commands = Command.objects.visible_to(self.subject).filter(connection=device.connection_id)
        commands = commands.filter(kind__in=["test", "scan_units"]) if device.connection_id else commands.none()
        return {"commands": last_commands(commands)}


class DeviceStatePage(_DevicePage):
    """Sign and state line, asked for again while a page of the device is open."""

    template = "pages/plant/device_states.html"
    title = gettext_lazy("State")


class DeviceSettingsPage(_DevicePage):
    """Its settings, and what can be done with it as a whole."""

    template = "pages/plant/device_settings.html"
    title = gettext_lazy("Settings")
    tab = "settings"

    def of_tab(self, request: HttpRequest, device: Device, collected: Collecting) -> dict[str, Any]:
        counts = device.tags.live().aggregate(count=Count("pk"))
        return {"counts": counts, "bounds": DEVICE_BOUNDS}


def _tabs(device: Device) -> list[tuple[str, str, str]]:
    found = [("tags", _("Tags"), reverse("device", args=[device.pk]))]
    if device.connection_id is not None:
        found += [
            ("registers", _("Registers"), reverse("device-registers", args=[device.pk])),
            ("connection", _("Connection"), reverse("device-connection", args=[device.pk])),
        ]
    return [*found, ("settings", _("Settings"), reverse("device-settings", args=[device.pk]))]


def _columns(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
