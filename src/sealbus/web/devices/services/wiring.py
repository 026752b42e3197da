"""Joins the calculated tags of an import to their inputs. A file names an input as "tag", in the same device, or as
{"group": ..., "device": ..., "tag": ...}. It may be a tag of the same file, which has no id before it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealbus.web.devices.interchange import Report
    from sealbus.web.devices.models import Tag
    from sealbus.web.devices.services.names import Names

__all__ = ["Wire", "wire_inputs"]

_MEMBERS = {"group", "device", "tag"}


@dataclass(frozen=True, slots=True)
class Wire:
    """A calculated tag and its inputs, by the names that they have in its expression."""

    tag: Tag
    inputs: Mapping[str, Tag]

    def waits(self) -> bool:
        """Whether an input has no id yet."""
        return any(other.pk is None for other in self.inputs.values())

    def ids(self) -> dict[str, int]:
        """As the tag keeps them."""
        return {name: other.pk for name, other in self.inputs.items()}


def wire_inputs(
    lines: Sequence[tuple[Tag, int, Mapping[str, Any]]],
    names: Names,
    new: Mapping[tuple[int, str], Tag],
    report: Report,
) -> list[Wire]:
    """Each tag with its inputs. `new` are the new tags of the import, by device and name. Missing ones go to the report."""
    wires = []
    for tag, line, inputs in lines:
        found: dict[str, Tag] = {}
        for name, wanted in inputs.items():
            key = _key(tag, wanted, names)
            other = (new.get(key) or names.tags.get(key)) if key else None
            if other is None:
                text = f'the input "{str(name)[:50]}" is not a tag that you can see'
                report.add(line, "inputs", text, "write the name of one")
            else:
                found[str(name)] = other
        wires.append(Wire(tag, found))
    return wires


def _key(tag: Tag, wanted: Any, names: Names) -> tuple[int, str] | None:
    """Device and name of an input."""
    if isinstance(wanted, str):
        return (tag.device_id, wanted)
    if isinstance(wanted, dict) and set(wanted) == _MEMBERS:
        group = names.groups.get(str(wanted["group"]))
        device = names.devices.get((group.pk, str(wanted["device"]))) if group else None
        return (device.pk, str(wanted["tag"])) if device else None
    return None
