"""The places of the site: the rail at the left, five tabs on a phone, and the keys that lead there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import SIGNED_IN, GateVerdict, Requirement, may

if TYPE_CHECKING:
    from sealbus.web.access.subject import Subject

__all__ = ["PLACES", "Place", "places_of"]


@dataclass(frozen=True, slots=True)
class Place:
    """One entry. `key` is pressed after `g`."""

    name: str
    route: str
    text: object
    key: str
    icon: str
    requirement: Requirement = SIGNED_IN
    on_phone: bool = False

    @property
    def url(self) -> str:
        """The address of its first page."""
        return reverse(self.route)


PLACES = (
    Place("overview", "overview", _("Overview"), "o", "layout-dashboard", on_phone=True),
    Place("devices", "devices", _("Devices"), "v", "cpu", may(Action.VIEW), on_phone=True),
    Place("audit", "audit", _("Audit"), "u", "list", may(Action.AUDIT)),
    Place("administration", "administration", _("Administration"), "s", "settings", may(Action.ADMINISTER)),
    Place("help", "help", _("Help"), "h", "help"),
)
"""In the order of the rail."""


def places_of(subject: Subject) -> list[Place]:
    """The places that this caller may enter."""
    return [place for place in PLACES if place.requirement.judge(subject) is GateVerdict.ALLOWED]
