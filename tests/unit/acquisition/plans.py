"""Tags for tests, in one line."""

from __future__ import annotations

from typing import Any

from sealbus.plant import Tag, TagPlan, compile_tag

__all__ = ["tag"]


def tag(place: str, type: str = "", **options: Any) -> Tag:
    """A tag that is checked; its id is the address unless one is given."""
    number = options.pop("id", int(place.split(":")[1].split("-")[0]))
    return compile_tag(TagPlan(id=number, place=place, type=type, **options))
