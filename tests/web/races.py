"""Two at once, on a database of their own: run as a process, because the audit of a test database cannot be emptied.

python -m web.races HOME setup | administrators | cache | group      prints how each of the two ended
"""

from __future__ import annotations

import os
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []

_HELD_S = 1.0
_PASSWORD = "correct horse battery"


def _at_once(operations: list[Callable[[], object]]) -> list[str]:
    from django.db import connection

    from sealbus.web.errors import Conflict

    start = threading.Barrier(len(operations))
    ends: list[str] = []

    def run(operation: Callable[[], object]) -> None:
        connection.ensure_connection()
        start.wait(20)
        try:
            operation()
            ends.append("done")
        except Conflict as error:
            ends.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(operation,)) for operation in operations]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    return sorted(ends)


def _setup() -> list[str]:
    from sealbus.web.accounts import services

    secret = services.setup_link().partition("#")[2]

    def set_up(name: str) -> Callable[[], object]:
        return lambda: services.set_up(secret=secret, username=name, password=_PASSWORD, address="192.0.2.1")

    return _at_once([set_up("one"), set_up("two")])


def _administrators() -> list[str]:
    from sealbus.web.access.subject import SHELL
    from sealbus.web.accounts import services
    from sealbus.web.accounts.models import Role, User

    users = [services.create_user(subject=SHELL, username=name, password=_PASSWORD) for name in ("one", "two")]
    for user in users:
        services.assign(subject=SHELL, user=user, role=Role.objects.get(name="Administrator"), group=None)

    def remove(user: User) -> Callable[[], object]:
        return lambda: services.change_user(subject=SHELL, user=user, changes=services.UserChanges(is_active=False))

    return _at_once([remove(user) for user in users])


def _cache() -> list[str]:
    from django.core.cache import cache

    from sealbus.web.errors import Conflict

    def add() -> None:
        if not cache.add("lock", True, 60):
            raise Conflict("the key is there", code="there")

    return _at_once([add, add])


def _one_during_the_other(first: Callable[[], object], second: Callable[[], object]) -> list[str]:
    """`second` begins when `first` has done its work and not yet committed."""
    from django.db import transaction

    begun, ended = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                first()
                begun.set()
                ended.wait(_HELD_S)  # it ends only if nothing holds it up
        finally:
            begun.set()

    def quick() -> None:
        begun.wait(40)
        try:
            second()
        finally:
            ended.set()

    return _at_once([slow, quick])


def _group() -> list[str]:
    """A device comes into a group while that is archived, in each way and in both orders."""
    from sealbus.web.access.subject import SHELL
    from sealbus.web.accounts import services as accounts
    from sealbus.web.devices import services as devices
    from sealbus.web.devices.models import Device

    other = accounts.create_group(subject=SHELL, name="other")

    def create(group: Any) -> Callable[[], object]:
        return lambda: devices.create(row=Device(name="meter", group=group), subject=SHELL)

    def move(group: Any) -> Callable[[], object]:
        row = Device.objects.create(name=f"to {group}", group=other)
        return lambda: devices.change(row=row, fields={"group": group}, subject=SHELL)

    def restore(group: Any) -> Callable[[], object]:
        row = Device.objects.create(name="meter", group=group)
        devices.archive(row=row, subject=SHELL)
        return lambda: devices.restore(row=row, subject=SHELL)

    lines = []
    for bring in (create, move, restore):
        for archive_first in (True, False):
            group = accounts.create_group(subject=SHELL, name=f"{bring.__name__} {archive_first}")
            coming = bring(group)
            archive = partial(accounts.archive_group, subject=SHELL, group=group)
            pair = (archive, coming) if archive_first else (coming, archive)
            ends = " ".join(_one_during_the_other(*pair))
            lines.append(f"{bring.__name__} {'after' if archive_first else 'before'} archiving: {ends}")
    return lines


def main() -> None:
    """Set up a site and run one of them."""
    from sealbus import web

    web.boot(Path(sys.argv[1]), os.environ)
    web.migrate()
    operations = {"setup": _setup, "administrators": _administrators, "cache": _cache, "group": _group}
    sys.stdout.write("\n".join(operations[sys.argv[2]]()) + "\n")


if __name__ == "__main__":
    main()
