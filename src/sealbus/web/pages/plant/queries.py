"""Rows of the plant with their current values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.web.trends.current_values import current_values
from sealbus.web.trends.queries import RequestedTag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealbus.samples import Sample
    from sealbus.web.devices.models import Tag

__all__ = ["TagRow", "with_values"]


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
