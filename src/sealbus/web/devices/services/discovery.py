"""Tags from the SunSpec models that an order found in a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealbus.web.devices.models import Command, CommandKind, CommandState, Tag
from sealbus.web.devices.services.templates import tags_into
from sealbus.web.devices.sunspec import Discovery, FoundModel, LeftOut, tags_of
from sealbus.web.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Collection

    from sealbus.web.access.subject import Subject
    from sealbus.web.devices.interchange import Report
    from sealbus.web.devices.models import Device

__all__ = ["make_sunspec_tags"]


def make_sunspec_tags(
    *, command: Command, device: Device, report: Report, subject: Subject, options: Any, dry_run: bool
) -> Discovery:
    """Make the tags that are not there yet: a tag of the same name is left as somebody may have changed it. `options`
    are the members of `SunSpecTagsForm`. Conflict: the order is of another device, or found nothing.
    """
    if command.kind != CommandKind.SUNSPEC or command.device_id != device.pk:
        raise Conflict("This order discovered nothing in this device", code="other-order")
    models = _found(command, options.get("models"))
    if CommandState(command.state) is not CommandState.DONE and not models:
        raise Conflict("This order has found no models (yet)", code="nothing-found")
    discovery = tags_of(models, live=options["scale_factors"] == "live")
    names = set(Tag.objects.live().filter(device=device).values_list("name", flat=True))
    there = [tag["name"] for tag in discovery.tags if tag["name"] in names]
    discovery.left_out += [LeftOut(0, name, "there is a tag of this name") for name in there]
    discovery.tags = [tag for tag in discovery.tags if tag["name"] not in names]
    tags_into(device=device, tags=discovery.tags, report=report, subject=subject, dry_run=dry_run)
    return discovery


def _found(command: Command, wanted: Collection[int] | None) -> list[FoundModel]:
    """The models of its result, in the order of the chain. What an order found before it failed counts too."""
    result: Any = command.result if isinstance(command.result, dict) else {}
    found = result.get("found") or {}
    models = found.get("models", []) if isinstance(found, dict) else []
    return [
        FoundModel(int(model["model_id"]), int(model["address"]), tuple(map(int, model["registers"])))
        for model in models
        if wanted is None or model["model_id"] in wanted
    ]
