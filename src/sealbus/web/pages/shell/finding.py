"""The command bar: what a few letters can mean. Three statements, whatever the size of the site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from sealbus.web.devices.models import Device, Tag
from sealbus.web.pages.shell.places import places_of

if TYPE_CHECKING:
    from sealbus.web.access.subject import Subject

__all__ = ["Found", "find"]

_EACH = 8
_MAX_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Found:
    """One line."""

    text: str
    url: str
    what: str
    icon: str
    is_value: bool = False
    """A tag: opens its faceplate."""


def find(subject: Subject, text: str) -> list[Found]:
    """Places, devices and tags whose name has all these words. Without words: the places."""
    words = text[:_MAX_CHARACTERS].split()
    found = [
        Found(str(place.text), place.url, _("place"), place.icon)
        for place in places_of(subject)
        if all(word.lower() in str(place.text).lower() for word in words)
    ]
    if not words:
        return found
    devices = Device.objects.visible_to(subject).live().filter(_all_of(words, "name", "group__name"))
    found += [
        Found(name, reverse("device", args=[pk]), f"{_('device')} · {group}", "cpu")
        for pk, name, group in devices.order_by("name", "pk").values_list("pk", "name", "group__name")[:_EACH]
    ]
    tags = Tag.objects.visible_to(subject).live().filter(device__archived_at__isnull=True)
    tags = tags.filter(_all_of(words, "name", "device__name"))
    found += [
        Found(name, reverse("tag", args=[pk]), f"{_('tag')} · {device}", "tag", is_value=True)
        for pk, name, device in tags.order_by("name", "pk").values_list("pk", "name", "device__name")[:_EACH]
    ]
    return found


def _all_of(words: list[str], *fields: str) -> Q:
    wanted = Q()
    for word in words:
        each = Q()
        for field in fields:
            each |= Q(**{f"{field}__icontains": word})
        wanted &= each
    return wanted
