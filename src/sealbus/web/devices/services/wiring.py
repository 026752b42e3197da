"""Joins the calculated tags of an import to their inputs when all tags have ids. A file names an input as "tag", in the
same device, or as {"group": ..., "device": ..., "tag": ...}.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealbus.web.devices.calculated import circle_in
from sealbus.web.devices.models import Tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealbus.web.access.subject import Subject
    from sealbus.web.devices.interchange import Report
    from sealbus.web.devices.services.names import Names

__all__ = ["wire_inputs"]

_MEMBERS = {"group", "device", "tag"}


def wire_inputs(
    lines: Sequence[tuple[Tag, int, Mapping[str, Any]]], names: Names, subject: Subject, report: Report
) -> None:
    """Fill in the ids of the inputs. The rows are stored; inputs that are missing, and circles, go to the report."""
    if not lines:
        return
    names.__dict__.pop("tags", None)  # load again, with the new ones
    for tag, line, inputs in lines:
        for name, wanted in inputs.items():
            found = _find(tag, wanted, names)
            if found is None:
                report.add(
                    line, "inputs", f'the input "{str(name)[:50]}" is not a tag that you can see; write the name of one'
                )
            else:
                tag.inputs[str(name)] = found.pk
    if report.problem_count:
        return
    Tag.objects.bulk_update([tag for tag, _, _ in lines], ["inputs"], batch_size=500)
    if circle := circle_in([tag.pk for tag, _, _ in lines]):
        line = next((line for tag, line, _ in lines if tag.pk in circle), 0)
        report.add(line, "inputs", "the tag would depend on itself; leave one of these inputs out")


def _find(tag: Tag, wanted: Any, names: Names) -> Tag | None:
    if isinstance(wanted, str):
        return names.tags.get((tag.device_id, wanted))
    if isinstance(wanted, dict) and set(wanted) == _MEMBERS:
        group = names.groups.get(str(wanted["group"]))
        device = names.devices.get((group.pk, str(wanted["device"]))) if group else None
        return names.tags.get((device.pk, str(wanted["tag"]))) if device else None
    return None
