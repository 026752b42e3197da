"""All devices by group, each with its sign: is everything connected, and is it well?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext_lazy as _

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import may
from sealbus.web.accounts.models import Group
from sealbus.web.devices.models import Device
from sealbus.web.pages.plant.collecting import Collecting, collecting, sees
from sealbus.web.pages.plant.health import WORST_FIRST, Health, Sign, Tally, health_of, quality_word
from sealbus.web.pages.plant.paging import Paged, number_in
from sealbus.web.pages.plant.queries import tallies_of, words_in
from sealbus.web.pages.shell.page import Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.http import HttpRequest

    from sealbus.plant import ConnectionState
    from sealbus.web.access.requirement import Requirement
    from sealbus.web.access.subject import Subject

__all__ = ["MAY_CONFIGURE", "MAY_VIEW", "DeviceRow", "DevicesPage", "PlantPage", "device_rows", "groups_for"]

MAY_VIEW: Mapping[str, Requirement] = {"GET": may(Action.VIEW)}
MAY_CONFIGURE: Mapping[str, Requirement] = {"GET": may(Action.CONFIGURE), "POST": may(Action.CONFIGURE)}


class PlantPage(Page):
    """A page of the plant."""

    access: ClassVar[Mapping[str, Requirement]] = MAY_VIEW
    place = "devices"


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One line of the list."""

    device: Device
    health: Health
    tally: Tally
    state: ConnectionState | None
    sees_connection: bool

    @property
    def worst(self) -> str:
        """The worst quality of its values, in words; empty where all are good."""
        if not self.tally.not_good:
            return ""
        return quality_word(self.tally.worst) if self.tally.reasons else str(_("no value yet"))


class DevicesPage(PlantPage):
    """All devices that the caller may see, by group."""

    template = "pages/devices.html"
    fragment = "pages/plant/devices_table.html"
    title = _("Devices")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        query = request.GET
        is_archived = query.get("archived") == "1"
        found = Device.objects.visible_to(self.subject)
        found = found.archived() if is_archived else found.live()
        group, connection = number_in(query, "group"), number_in(query, "connection")
        if group is not None:
            found = found.filter(group=group)
        if connection is not None:
            found = found.filter(connection=connection)
        found = found.filter(words_in(query.get("q", ""), "name", "text", "connection__name", "group__name"))
        collected = collecting()
        rows = device_rows(self.subject, found, collected)
        signs = Counter(row.health.sign for row in rows)
        if state := query.get("state", ""):
            rows = [row for row in rows if row.health.sign.key == state]
        page = Paged.of(request, rows, len(rows))
        return {
            "page_of": page,
            "by_group": [(group, list(each)) for group, each in groupby(page.rows, key=lambda row: row.device.group)],
            "signs": [(sign, signs[sign]) for sign in WORST_FIRST if signs[sign]],
            "count": signs.total(),
            "ill": signs.total() - signs[Sign.WELL],
            "collected": collected,
            "here": request.get_full_path(),
            "groups": groups_for(self.subject),
            "filters": query,
            "is_filtered": any(query.get(name) for name in ("q", "group", "state", "connection")),
            "is_archived": is_archived,
            "may_configure": self.subject.rights.allows_anywhere(Action.CONFIGURE),
        }


def device_rows(subject: Subject, found: Any, collected: Collecting) -> list[DeviceRow]:
    """The devices of a query by group, each with its sign. Two statements."""
    tallies = tallies_of(found)
    rows = []
    for device in found.select_related("group", "connection").order_by("group__name", "group_id", "name", "pk"):
        tally, seen = tallies.get(device.pk) or Tally(), sees(subject, device.connection)
        health = health_of(device, tally, collected, sees_connection=seen)
        rows.append(DeviceRow(device, health, tally, collected.connection_of(device) if seen else None, seen))
    return rows


def groups_for(subject: Subject, action: Action = Action.VIEW) -> Iterable[Group]:
    """The groups in which the caller has this right, by name."""
    groups = subject.rights.groups(action)
    rows = Group.objects.live()
    return rows if groups is None else rows.filter(pk__in=groups)
