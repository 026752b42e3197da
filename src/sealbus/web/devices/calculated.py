"""Calculated tags lean on others: are those there, may he who configures see them, and does nothing turn in a circle?

Ids of inputs live in a JSON column, so the database cannot hold them to anything; this does, within a transaction
that holds the plan's version, which lets one change of the configuration pass at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.web.access.actions import Action
from sealbus.web.devices.models import Tag

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sealbus.web.access.subject import Subject

__all__ = ["circle_in", "dependents", "unseen_inputs"]


def unseen_inputs(inputs: Mapping[str, int], subject: Subject) -> list[str]:
    """The names of inputs whose tag is not there for this person: archived, in a group that is not his, or no tag."""
    groups = subject.rights.groups(Action.VIEW)
    rows = Tag.objects.live().filter(pk__in=set(inputs.values()), device__archived_at__isnull=True)
    if groups is not None:
        rows = rows.filter(device__group__in=groups)
    seen = set(rows.values_list("pk", flat=True))
    return [name for name, tag_id in inputs.items() if tag_id not in seen]


def circle_in(changed: Collection[int]) -> list[int]:
    """The ids of a circle of calculated tags that one of these closes, as they are stored now; empty if there is none."""
    rows = Tag.objects.live().exclude(expression="").values_list("id", "inputs")
    leans_on = {tag_id: list(inputs.values()) for tag_id, inputs in rows}
    done: set[int] = set()
    for start in changed:
        if circle := _walk(start, leans_on, done):
            return circle
    return []


def _walk(start: int, leans_on: Mapping[int, list[int]], done: set[int]) -> list[int]:
    """Depth first without recursion: a chain may be as long as somebody likes to type."""
    path: list[int] = []
    waiting: list[tuple[int, bool]] = [(start, False)]
    while waiting:
        tag_id, leaving = waiting.pop()
        if leaving:
            path.pop()
            done.add(tag_id)
        elif tag_id in path:
            return path[path.index(tag_id) :]
        elif tag_id not in done and tag_id in leans_on:
            path.append(tag_id)
            waiting.append((tag_id, True))
            waiting.extend((each, False) for each in leans_on[tag_id])
    return []


def dependents(tag_ids: Collection[int]) -> list[Tag]:
    """Live calculated tags outside of these that have one of these as an input."""
    wanted = set(tag_ids)
    rows = Tag.objects.live().exclude(expression="").exclude(pk__in=wanted).select_related("device")
    return [tag for tag in rows if wanted & set(tag.inputs.values())]
