"""Time zones from the package `tzdata`, which is pinned, and not from the system.

Two machines of a site, and a machine before and after an update of its system, then agree on when a day begins. The rules
of a zone can be kept as text, so that what was cut by them can be told from what others would cut.
"""

from __future__ import annotations

import base64
import functools
import io
from importlib import resources
from zoneinfo import ZoneInfo

__all__ = ["rules_of", "zone_of"]


@functools.lru_cache(maxsize=64)
def rules_of(name: str) -> str:
    """The zone of this name with its rules, as text for `zone_of`. Raises KeyError for an unknown name."""
    package = resources.files("tzdata")
    if name not in package.joinpath("zones").read_text(encoding="utf-8").split():  # a name is a path: only known ones
        raise KeyError(name)
    data = package.joinpath("zoneinfo", *name.split("/")).read_bytes()
    return f"{name} {base64.b64encode(data).decode()}"


@functools.lru_cache(maxsize=64)
def zone_of(rules: str) -> ZoneInfo:
    """The zone of a text of `rules_of`. A bare name has the rules of the package. Raises KeyError for an unknown name."""
    name, _, data = (rules if " " in rules else rules_of(rules)).partition(" ")
    return ZoneInfo.from_file(io.BytesIO(base64.b64decode(data)), key=name)
