"""What the overview shows: groups with their devices and key values. Four statements, whatever the size of the site."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealbus.history import HistoryUnavailable
from sealbus.samples import Quality
from sealbus.web.devices.models import Device, Tag
from sealbus.web.pages.drawings import scale_of, sparkline
from sealbus.web.pages.plant.devices import device_rows
from sealbus.web.pages.plant.health import WORST_FIRST
from sealbus.web.pages.plant.queries import with_values
from sealbus.web.trends.store import history

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.utils.safestring import SafeString

    from sealbus.samples import Sample
    from sealbus.web.access.subject import Subject
    from sealbus.web.accounts.models import Group
    from sealbus.web.pages.plant.collecting import Collecting
    from sealbus.web.pages.plant.devices import DeviceRow

__all__ = ["GroupShown", "Plant", "Tile", "plant_of"]

_MAX_TILES = 200
_SPARK_US = 3600 * 1_000_000
_SPARK_POINTS = 60


@dataclass(frozen=True, slots=True)
class Tile:
    """One key value."""

    tag: Tag
    sample: Sample | None
    spark: SafeString
    deviates: bool
    """Known, and outside its normal range."""

    @property
    def is_known(self) -> bool:
        """Whether there is a value that holds now."""
        return self.sample is not None and self.sample.quality not in (Quality.BAD, Quality.STALE)


@dataclass(slots=True)
class GroupShown:
    """One group."""

    group: Group
    devices: int = 0
    ill: list[DeviceRow] = field(default_factory=list)
    """The devices that need a look, the worst first."""
    tiles: list[Tile] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plant:
    """All groups that have something in them."""

    groups: list[GroupShown]
    tiles: int
    deviating: int
    unknown: int
    is_cut: bool
    """There are more key values than are shown."""


def plant_of(subject: Subject, collected: Collecting) -> Plant:
    """What the subject may see."""
    groups: dict[int, GroupShown] = {}
    for each in device_rows(subject, Device.objects.visible_to(subject).live(), collected):
        shown = groups.setdefault(each.device.group_id, GroupShown(each.device.group))
        shown.devices += 1
        if not each.health.is_well:
            shown.ill.append(each)
    for shown in groups.values():
        shown.ill.sort(key=lambda each: WORST_FIRST.index(each.health.sign))
    tags = Tag.objects.visible_to(subject).live().filter(is_key=True, device__archived_at__isnull=True)
    rows = with_values(tags.select_related("device").order_by("device__name", "name", "pk")[: _MAX_TILES + 1])
    sparks = _sparks([row.tag for row in rows[:_MAX_TILES]])
    tiles = []
    for row in rows[:_MAX_TILES]:
        tile = Tile(row.tag, row.sample, sparks[row.tag.pk], _deviates(row.tag, row.sample))
        tiles.append(tile)
        groups[row.tag.device.group_id].tiles.append(tile)
    return Plant(
        list(groups.values()),
        len(tiles),
        sum(tile.deviates for tile in tiles),
        sum(not tile.is_known for tile in tiles),
        len(rows) > _MAX_TILES,
    )


def _deviates(tag: Tag, sample: Sample | None) -> bool:
    scale = scale_of(tag)
    if scale is None or scale.normal is None or sample is None or sample.quality in (Quality.BAD, Quality.STALE):
        return False
    value = sample.value
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and not scale.normal[0] <= value <= scale.normal[1]
    )


def _sparks(tags: Sequence[Tag]) -> dict[int, SafeString]:
    end_us = time.time_ns() // 1000
    start_us = end_us - _SPARK_US
    try:
        series = {
            each.tag_id: each
            for each in history().query([tag.pk for tag in tags], start_us, end_us, width=_SPARK_POINTS)
        }
    except HistoryUnavailable:
        series = {}
    drawn = {}
    for tag in tags:
        scale = scale_of(tag)
        drawn[tag.pk] = sparkline(series.get(tag.pk), start_us, end_us, scale.normal if scale else None)
    return drawn
