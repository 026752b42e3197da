"""Version numbers: one read every half second shows another process that rights, plan or commands have changed.

`bump_version` is called first in the transaction of a change. The row stays locked until that transaction ends, so
changes of one name are made one after the other.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from sealbus.web.coordination.hints import publish
from sealbus.web.coordination.models import Version

__all__ = ["bump_version", "read_version", "read_versions"]


def bump_version(name: str) -> None:
    """Count up within the transaction of the change; a hint is published when it commits."""
    rows = Version.objects.filter(name=name)
    if not rows.update(number=F("number") + 1):
        Version.objects.get_or_create(name=name)
        rows.update(number=F("number") + 1)
    transaction.on_commit(lambda: publish(name))


def read_version(name: str) -> int:
    """The number; 0 before the first change."""
    return read_versions(name)[0]


def read_versions(*names: str) -> tuple[int, ...]:
    """The numbers of these names, in one statement; 0 before the first change."""
    numbers = dict(Version.objects.filter(name__in=names).values_list("name", "number"))
    return tuple(numbers.get(name, 0) for name in names)
