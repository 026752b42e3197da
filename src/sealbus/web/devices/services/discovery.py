"""Tags from the SunSpec models that a command found in a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from sealbus.plant import (
    CommandKind,
    CommandResult,
    CommandState,
    Discovery,
    FoundModel,
    LeftOut,
    SunSpecFound,
    tags_of,
)
from sealbus.web.access.actions import Action
from sealbus.web.access.require import require
from sealbus.web.devices.models import Command, Tag
from sealbus.web.devices.services.templates import tags_into
from sealbus.web.devices.sunspec import model_definition
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
    """Make the tags that do not exist yet. An existing tag of the same name stays as it is: a user may have changed it.

    `options` are the members of `SunSpecTagsForm`. Conflict: the command is for another device, or found nothing.
    """
    require(subject, Action.CONFIGURE, device.group_id)
    if command.kind != CommandKind.SUNSPEC or command.device_id != device.pk:
        raise Conflict("This command did not discover the SunSpec models of this device", code="other-command")
    models = _found(command, options.get("models"))
    if CommandState(command.state) is not CommandState.DONE and not models:
        raise Conflict("This command has not found any models, or not yet", code="nothing-found")
    discovery = tags_of(
        models,
        model_definition,
        live=options["scale_factors"] == "live",
        with_value_only=options["with_value_only"],
    )
    names = set(Tag.objects.live().filter(device=device).values_list("name", flat=True))
    there = [tag.name for tag in discovery.tags if tag.name in names]
    discovery.left_out += [LeftOut(0, name, "a tag of this name exists") for name in there]
    discovery.tags = [tag for tag in discovery.tags if tag.name not in names]
    discovery.without_value = [name for name in discovery.without_value if name not in names]
    tags_into(device=device, tags=msgspec.to_builtins(discovery.tags), report=report, subject=subject, dry_run=dry_run)
    return discovery


def _found(command: Command, wanted: Collection[int] | None) -> list[FoundModel]:
    """The models of its result, in the order of the chain: those found before a failure too."""
    if command.result is None:
        return []
    found = msgspec.convert(command.result, CommandResult).found
    models = found.models if isinstance(found, SunSpecFound) else ()
    return [
        FoundModel(model.model_id, model.address, model.length, model.registers)
        for model in models
        if wanted is None or model.model_id in wanted
    ]
