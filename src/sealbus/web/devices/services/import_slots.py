"""How many imports run at once: one of each person, with all the person's sessions and tokens, and two in this process.

An import computes for seconds in one of the few threads that answer requests. Without a bound, a handful of them would
stop the site for everybody. Reading the file counts too, so the view takes the slot before it reads the body.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealbus.web.errors import TooMany, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.web.access.subject import Subject

__all__ = ["import_slot"]

_AT_ONCE = 2
_RETRY_AFTER_S = 10.0
_lock = threading.Lock()
_importing: list[int | None] = []
"""The ids of the users whose imports run."""


@contextmanager
def import_slot(subject: Subject) -> Iterator[None]:
    """Hold one of the slots. TooMany: this person imports already. Unavailable: others hold all slots."""
    person = subject.user_id
    with _lock:
        if person in _importing:
            raise TooMany(_RETRY_AFTER_S, "Another import of yours is under way: wait for it", code="import-under-way")
        if len(_importing) >= _AT_ONCE:
            raise Unavailable(_RETRY_AFTER_S, "Too many imports are under way: try again in a moment", code="busy")
        _importing.append(person)
    try:
        yield
    finally:
        with _lock:
            _importing.remove(person)
