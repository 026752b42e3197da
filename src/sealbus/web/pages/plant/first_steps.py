"""First steps: what is there, what comes next, and the one button for it. Derived from the rows, so it can be left at any
time and goes on where the site stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.web.access.actions import Action
from sealbus.web.devices.models import AllowedNetwork, Connection, Device, SerialPattern, Tag
from sealbus.web.pages.plant.devices import PlantPage, groups_for

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["FirstStepsPage"]


@dataclass(frozen=True, slots=True)
class _StepShown:
    """One step. Without a URL it is nothing for this caller, and `why` says whose it is."""

    text: str
    why: str
    is_done: bool
    button: str = ""
    url: str = ""


class FirstStepsPage(PlantPage):
    """From an empty site to a living value."""

    template = "pages/plant/first_steps.html"
    title = gettext_lazy("First steps")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        steps = [*self._site(), *self._plant()]
        done = [step.is_done for step in steps]
        return {
            "steps": steps,
            "next": done.index(False) if False in done else None,
            "done": sum(done),
            "may_configure": self.subject.rights.allows_anywhere(Action.CONFIGURE),
        }

    def _site(self) -> list[_StepShown]:
        """Account and networks: the administrator's."""
        is_admin = self.subject.rights.allows(Action.ADMINISTER, None)
        has_factor = Authenticator.objects.filter(user_id=self.subject.user_id or 0).exists()
        has_network = AllowedNetwork.objects.exists() or SerialPattern.objects.exists()
        has_group = bool(list(groups_for(self.subject)[:1]))  # type: ignore[index]  # a QuerySet
        whose = _("An administrator does this.")
        return [
            _StepShown(
                _("An account with a second factor"),
                _("A stolen password alone does not open it."),
                has_factor,
                _("Add a second factor"),
                "" if has_factor else _route("account", "more"),
            ),
            _StepShown(
                _("Networks that are allowed"),
                _("The collector connects only to addresses that are listed here.") if is_admin else whose,
                has_network,
                _("Allow a network"),
                _route("admin-networks") if is_admin else "",
            ),
            _StepShown(
                _("A group"),
                _("Devices belong to groups, and roles are given in groups.") if is_admin else whose,
                has_group,
                _("Make a group"),
                reverse("group-new") if is_admin else "",
            ),
        ]

    def _plant(self) -> list[_StepShown]:
        """Connection, device and tags: the engineer's."""
        line = Connection.objects.visible_to(self.subject).live().order_by("pk").last()
        device = Device.objects.visible_to(self.subject).live().order_by("pk").last()
        may_configure = self.subject.rights.allows_anywhere(Action.CONFIGURE)
        has_tags = Tag.objects.visible_to(self.subject).live().exists()
        whose = _("An engineer does this.")
        to_device = reverse("device-new") + (f"?connection={line.pk}" if line is not None else "")
        return [
            _StepShown(
                _("A connection"),
                _("The way to a device: its address, tried step by step.") if may_configure else whose,
                line is not None,
                _("Make a connection"),
                reverse("connection-new") if self.subject.rights.allows(Action.CONFIGURE, None) else "",
            ),
            _StepShown(
                _("A device"),
                _("What answers on this connection under one unit id.") if may_configure else whose,
                device is not None,
                _("Make a device"),
                to_device if may_configure and line is not None else "",
            ),
            _StepShown(
                _("Tags"),
                _("The values of the device: ticked from a template, its SunSpec models or a scan.")
                if may_configure
                else whose,
                has_tags,
                _("Find tags"),
                reverse("device-tags", args=[device.pk]) if may_configure and device is not None else "",
            ),
        ]


def _route(*names: str) -> str:
    """The first of these routes that this site has; empty without."""
    for name in names:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return ""
