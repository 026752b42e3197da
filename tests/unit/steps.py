"""How much work something is, as a number that is the same on each machine: the calls that it makes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["calls_in"]


def calls_in(work: Callable[[], object]) -> int:
    """The calls of Python and C functions while `work` runs."""
    count = 0

    def profile(frame: object, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
