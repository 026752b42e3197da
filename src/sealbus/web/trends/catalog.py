"""Which tags are there, and in whose groups? What the live side must know of the configuration, taken over as one value.

It is made anew whenever the plan has changed, never altered. What is archived is not in it: nobody collects it. A tag
that may not be seen and one that does not exist look the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealbus.web.access.actions import Action

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sealbus.web.access.subject import Rights

__all__ = ["Catalog", "CatalogTag", "Chosen"]


@dataclass(frozen=True, slots=True)
class CatalogTag:
    """Where a tag belongs, and for how long its value is good when nobody says anything."""

    device_id: int
    group_id: int
    stale_after_s: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody may see of what he asked for."""

    tags: frozenset[int]
    """Those he named, and those of the devices that he named."""
    refused_tags: tuple[int, ...]
    refused_devices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """All tags and devices that are not archived. `groups` has the group of each device."""

    tags: Mapping[int, CatalogTag] = field(default_factory=dict)
    groups: Mapping[int, int] = field(default_factory=dict)
    tags_of: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def choose(self, rights: Rights, tags: Collection[int], devices: Collection[int]) -> Chosen:
        """Of these tags and devices, what these rights show."""
        groups = rights.groups(Action.VIEW)
        seen, refused = set(), []
        for tag_id in tags:
            tag = self.tags.get(tag_id)
            if tag is not None and (groups is None or tag.group_id in groups):
                seen.add(tag_id)
            else:
                refused.append(tag_id)
        refused_devices = []
        for device_id in devices:
            group_id = self.groups.get(device_id)
            if group_id is not None and (groups is None or group_id in groups):
                seen.update(self.tags_of.get(device_id, ()))
            else:
                refused_devices.append(device_id)
        return Chosen(frozenset(seen), tuple(refused), tuple(refused_devices))
