"""Whether parsed JSON can be used: bounded nesting, and only text that can be stored, logged and answered.

JSON nested too deep ends in a RecursionError, in the parser or in any later code that walks it. Half of a surrogate
pair ("\\ud800") is not a character.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["TOO_DEEP", "json_problem"]

_DEEPEST = 32
TOO_DEEP = f"this JSON is nested deeper than {_DEEPEST} levels"
_SURROGATE = re.compile("[\ud800-\udfff]")


def json_problem(data: Any) -> str:
    """The problem with parsed JSON; empty if there is none. Goes level by level, so no input can make this recursive."""
    level = [data]
    for _ in range(_DEEPEST):
        following: list[Any] = []
        for each in level:
            if isinstance(each, str):
                if not each.isascii() and _SURROGATE.search(each):
                    return "a text contains half of a character (a surrogate): write the whole character"
            elif isinstance(each, dict):
                following += each.keys()
                following += each.values()
            elif isinstance(each, list):
                following += each
        if not following:
            return ""
        level = following
    return TOO_DEEP
