"""Is this JSON that can be used? Not nested without end, and with no text that is none.

What is nested too deep ends in a RecursionError, in the parser or in whoever walks through it later; half of a surrogate
pair ("\\ud800") cannot be stored, logged or answered.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["TOO_DEEP", "json_problem"]

_DEEPEST = 32
TOO_DEEP = f"this JSON is nested deeper than {_DEEPEST} levels"
_SURROGATE = re.compile("[\ud800-\udfff]")


def json_problem(data: Any) -> str:
    """What is wrong with parsed JSON; empty if nothing is. Level by level: nothing that is sent can make this deep."""
    level = [data]
    for _ in range(_DEEPEST):
        following: list[Any] = []
        for each in level:
            if isinstance(each, str):
                if not each.isascii() and _SURROGATE.search(each):
                    return "a text has half of a character in it (a surrogate); write it whole"
            elif isinstance(each, dict):
                following += each.keys()
                following += each.values()
            elif isinstance(each, list):
                following += each
        if not following:
            return ""
        level = following
    return TOO_DEEP
