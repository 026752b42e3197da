"""Rows of the plant with their current values."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from sealbus.web.devices.models import Tag
from sealbus.web.pages.plant.health import Tally
from sealbus.web.trends.current_values import current_values
from sealbus.web.trends.queries import RequestedTag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.db.models import QuerySet

    from sealbus.samples import Sample

__all__ = ["TagRow", "qualities_of", "tallies_of", "with_values", "words_in"]

_MAX_CHARACTERS = 100
_BY_DEVICE = ("pk", "device_id", "stale_after_s", "interval_s", "enabled")


@dataclass(frozen=True, slots=True)
class TagRow:
    """A tag and its latest sample; None without one."""

    tag: Tag
    sample: Sample | None


def with_values(tags: Iterable[Tag]) -> list[TagRow]:
    """The tags with their latest samples, in the same order. No statement: the live side has them, else history."""
    rows = list(tags)
    samples = dict(current_values([RequestedTag(tag.pk, tag.stale_after_s, tag.interval_s) for tag in rows]).samples)
    return [TagRow(tag, samples.get(tag.pk)) for tag in rows]


def qualities_of(tags: QuerySet[Any, Any]) -> list[tuple[int, Sample | None]]:
    """The ids of all these tags with their latest samples, in their order. One statement, of four columns."""
    found = tags.values_list("pk", "stale_after_s", "interval_s")
    return current_values([RequestedTag(*row) for row in found]).samples


def tallies_of(devices: QuerySet[Any, Any]) -> Mapping[int, Tally]:
    """The values of all tags of these devices, counted by device. One statement."""
    rows = list(
        Tag.objects.live().filter(device__in=devices.order_by().values("pk")).order_by().values_list(*_BY_DEVICE)
    )
    samples = current_values([RequestedTag(pk, stale_s, interval_s) for pk, _, stale_s, interval_s, _ in rows]).samples
    tallies: defaultdict[int, Tally] = defaultdict(Tally)
    for (_, device_id, _, _, is_enabled), (_, sample) in zip(rows, samples, strict=True):
        tallies[device_id].add(sample, is_enabled=is_enabled)
    return tallies


def words_in(text: str, *columns: str) -> Q:
    """Rows that have all of these words, each in one of the columns."""
    wanted = Q()
    for word in text.replace("\0", " ")[:_MAX_CHARACTERS].split():  # PostgreSQL takes no NUL
        each = Q()
        for column in columns:
            each |= Q(**{f"{column}__icontains": word})
        wanted &= each
    return wanted
