"""Two at once, on a database of their own: run as a process, because the audit of a test database cannot be emptied.

python -m web.races HOME setup | administrators | cache      prints how each of the two ended
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []

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


def main() -> None:
    """Set up a site and run one of them."""
    from sealbus import web

    web.boot(Path(sys.argv[1]), os.environ)
    web.migrate()
    operations = {"setup": _setup, "administrators": _administrators, "cache": _cache}
    sys.stdout.write("\n".join(operations[sys.argv[2]]()) + "\n")


if __name__ == "__main__":
    main()
