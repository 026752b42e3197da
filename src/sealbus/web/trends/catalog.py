"""The part of the configuration that the live side needs, as one value: tags, devices and their groups.

It is loaded again whenever the plan has changed, never modified. Archived tags are not in it: they are not collected. A
tag that the client may not see is answered like one that does not exist.

`Catalog.choose` states the rule of `visible_to` again, because a socket chooses without the database. A test in
`tests/web/test_live_parts.py` compares the two: a change of one is a change of both.
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
    """Device and group of a tag, and how long its value is good without a new sample."""

    device_id: int
    group_id: int
    stale_after_s: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """The visible ones of the tags and devices that a client named."""

    tags: frozenset[int]
    """The named tags, and the tags of the named devices."""
    refused_tags: tuple[int, ...]
    refused_devices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """All tags and devices that are not archived. `groups` maps a device to its group."""

    tags: Mapping[int, CatalogTag] = field(default_factory=dict)
    groups: Mapping[int, int] = field(default_factory=dict)
    tags_of: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def choose(self, rights: Rights, tags: Collection[int], devices: Collection[int]) -> Chosen:
        """Split these tags and devices into those that are visible with these rights, and the others."""
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
