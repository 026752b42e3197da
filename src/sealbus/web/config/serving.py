"""Before the server starts: is everything as it must be? The checks of Django and ours, the database, then the server.

A site on a file of SQLite brings its tables up to date itself: there is nobody else. On PostgreSQL that is asked for by
`sealbus web migrate`, because other processes work on the same tables; a database that is away does not stop the start,
`/health/ready` says so until it is back.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.db import DatabaseError, InterfaceError

from sealbus.bus import parse_bus_url
from sealbus.errors import ConfigError
from sealbus.web.config.boot import note_public_url
from sealbus.web.config.migration import has_pending_migrations, migrate_database
from sealbus.web.config.server import run_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.web.config.environment import Environment
    from sealbus.web.config.limits import ServerLimits

__all__ = ["check_site", "serve_site"]

_log = logging.getLogger(__name__)


def serve_site(ready: Callable[[str], None], limits: ServerLimits) -> None:
    """Check, and serve until told to end."""
    environment: Environment = settings.SEALBUS  # type: ignore[misc]  # ours
    check_site()
    if not environment.database.is_server:
        migrate_database()
    else:
        _check_migrated()
    _tell_of_first_start(ready)
    note_public_url(environment)
    run_server(environment, ready, limits)


def check_site() -> None:
    """Raises ConfigError for the first thing that Django's checks or ours find, the deployment checks included."""
    environment: Environment = settings.SEALBUS  # type: ignore[misc]  # ours
    parse_bus_url(environment.bus)
    found = checks.run_checks(include_deployment_checks=environment.is_https)
    for each in found:
        if each.level >= checks.WARNING and not each.is_silenced():
            raise ConfigError(" ".join(f"{each.id}: {each.msg}".split()), hint=" ".join((each.hint or "").split()))


def _tell_of_first_start(ready: Callable[[str], None]) -> None:
    try:
        if not get_user_model().objects.exists():
            ready("there is no account yet: sealbus web setup-link prints the link that makes the first one")
    except (DatabaseError, InterfaceError):
        return  # which was said already


def _check_migrated() -> None:
    try:
        pending = has_pending_migrations()
    except (DatabaseError, InterfaceError) as error:
        _log.error("the database is away; the site starts and waits for it: %s", type(error).__name__)
        return
    if pending:
        raise ConfigError(
            "the tables are missing or older than this version", key="SEALBUS_DATABASE", hint="run sealbus web migrate"
        )
