"""Devices, tags and the faceplate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext_lazy as _

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import may
from sealbus.web.devices.models import Device, Tag
from sealbus.web.errors import NotFound
from sealbus.web.pages.plant.queries import with_values
from sealbus.web.pages.shell.page import Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

    from sealbus.web.access.requirement import Requirement

__all__ = ["DevicePage", "DevicesPage", "TagPage"]

_MAY_VIEW: Mapping[str, Requirement] = {"GET": may(Action.VIEW)}


class _PlantPage(Page):
    access: ClassVar[Mapping[str, Requirement]] = _MAY_VIEW
    place = "devices"


class DevicesPage(_PlantPage):
    """All devices."""

    template = "pages/devices.html"
    title = _("Devices")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        devices = Device.objects.visible_to(self.subject).live().select_related("group", "connection")
        return {"devices": devices}


class DevicePage(_PlantPage):
    """One device with its tags."""

    template = "pages/device.html"
    title = _("Device")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        found = Device.objects.visible_to(self.subject).filter(pk=of_url["pk"]).select_related("group", "connection")
        device = found.first()
        if device is None:
            raise NotFound
        return {"title": device.name, "device": device, "rows": with_values(device.tags.live())}


class TagPage(_PlantPage):
    """The faceplate of one value: in a dialog, or as a page of its own."""

    template = "pages/tag.html"
    fragment = "pages/faceplate.html"
    title = _("Tag")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        found = Tag.objects.visible_to(self.subject).filter(pk=of_url["pk"])
        tag = found.select_related("device", "device__group").first()
        if tag is None:
            raise NotFound
        return {"title": tag.name, "tag": tag, "row": with_values([tag])[0]}
