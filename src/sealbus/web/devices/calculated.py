"""The inputs of calculated tags: do they exist, may the user see them, and is there no circle?

Ids of inputs are in a JSON column, so no foreign key protects them. These functions do, within a transaction that holds
the lock on the plan's version: only one change of the configuration is under way at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.web.access.actions import Action
from sealbus.web.devices.models import Tag

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sealbus.web.access.subject import Subject

__all__ = ["circle_in", "dependents", "hidden_inputs", "unseen_inputs"]


def unseen_inputs(inputs: Mapping[str, int], subject: Subject) -> list[str]:
    """The names of inputs whose tag the subject cannot see: it is archived, in a hidden group, or does not exist."""
    rows = Tag.objects.visible_to(subject).live().filter(pk__in=set(inputs.values()), device__archived_at__isnull=True)
    seen = set(rows.values_list("pk", flat=True))
    return [name for name, tag_id in inputs.items() if tag_id not in seen]


def hidden_inputs(tags: Iterable[Tag], subject: Subject) -> set[int]:
    """The ids of those inputs of these tags that the subject may not see, in one statement at most."""
    wanted = {tag_id for tag in tags for tag_id in tag.inputs.values()}
    if not wanted or subject.rights.groups(Action.VIEW) is None:
        return set()
    return wanted.difference(Tag.objects.visible_to(subject).filter(pk__in=wanted).values_list("pk", flat=True))


def circle_in(changed: Collection[int], instead: Mapping[int, list[int]] | None = None) -> list[int]:
    """The ids of a circle of calculated tags that one of these closes; empty if there is none.

    `instead`: the ids of the inputs of tags that are not stored yet, or not as they will be.
    """
    rows = Tag.objects.live().exclude(expression="").values_list("id", "inputs")
    inputs_of = {tag_id: list(inputs.values()) for tag_id, inputs in rows} | dict(instead or {})
    done: set[int] = set()
    for start in changed:
        if circle := _walk(start, inputs_of, done):
            return circle
    return []


def _walk(start: int, inputs_of: Mapping[int, list[int]], done: set[int]) -> list[int]:
    """Depth first without recursion: a chain of tags has no bound."""
    path: dict[int, None] = {}  # in order, and looked up in a step however long the chain is
    waiting: list[tuple[int, bool]] = [(start, False)]
    while waiting:
        tag_id, leaving = waiting.pop()
        if leaving:
            path.popitem()
            done.add(tag_id)
        elif tag_id in path:
            chain = list(path)
            return chain[chain.index(tag_id) :]
        elif tag_id not in done and tag_id in inputs_of:
            path[tag_id] = None
            waiting.append((tag_id, True))
            waiting.extend((each, False) for each in inputs_of[tag_id])
    return []


def dependents(tag_ids: Collection[int]) -> list[Tag]:
    """Live calculated tags outside of these that have one of these as an input."""
    wanted = set(tag_ids)
    rows = Tag.objects.live().exclude(expression="").exclude(pk__in=wanted).select_related("device")
    return [tag for tag in rows if wanted & set(tag.inputs.values())]
