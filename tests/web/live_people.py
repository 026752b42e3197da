"""A small plant on a running site, for one test: two groups, a device in each, and a user who may see the first one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from web.live_site import Site

__all__ = ["Scene", "a_scene"]

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Scene:
    """`user` may see `tags` of `device`; `foreign` are tags of `foreign_device`, which the user may not see."""

    group: int
    device: int
    tags: list[int]
    foreign_device: int
    foreign: list[int]
    user: int
    name: str


def a_scene(
    site: Site, *, tags: int = 3, actions: tuple[str, ...] = ("view",), stale_after_s: float | None = None
) -> Scene:
    number = next(_numbers)
    group, other = (site.do("group", name=f"{side} {number}") for side in ("own", "foreign"))
    own = site.do("device", name="own", group=group, tags=tags, stale_after_s=stale_after_s)
    foreign = site.do("device", name="foreign", group=other, tags=2)
    name = f"anna{number}"
    user = site.do("user", name=name, actions=list(actions), group=group)
    return Scene(group, own["device"], own["tags"], foreign["device"], foreign["tags"], user, name)
