"""Before the server starts: the checks of Django and of this module, the database, then the server.

A site on SQLite updates its tables itself: no other program uses them. On PostgreSQL `sealbus web migrate` does it, because
other processes may work on the same tables. A database that does not answer does not stop the start; `/health/ready`
reports it until it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.db import DatabaseError, InterfaceError

from sealbus.bus import parse_bus_url
from sealbus.errors import ConfigError
from sealbus.web.config.boot import note_public_url
from sealbus.web.config.log_allowance import bound_log
from sealbus.web.config.migration import has_pending_migrations, migrate_database
from sealbus.web.config.server import run_server
from sealbus.web.coordination.outages import log_database_outage

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.web.config.environment import Environment
    from sealbus.web.config.limits import ServerLimits

__all__ = ["check_site", "serve_site"]


def serve_site(ready: Callable[[str], None], limits: ServerLimits) -> None:
    """Check, then serve until the signal to stop."""
    environment: Environment = settings.SEALBUS  # type: ignore[misc]  # ours
    check_site()
    bound_log()
    if not environment.database.is_server:
        migrate_database()
    else:
        _check_migrated()
    _report_first_start(ready)
    note_public_url(environment)
    run_server(environment, ready, limits)


def check_site() -> None:
    """Raise ConfigError for the first finding of Django's checks, deployment checks included."""
    environment: Environment = settings.SEALBUS  # type: ignore[misc]  # ours
    parse_bus_url(environment.bus)
    found = checks.run_checks(include_deployment_checks=environment.is_https)
    for each in found:
        if each.level >= checks.WARNING and not each.is_silenced():
            raise ConfigError(" ".join(f"{each.id}: {each.msg}".split()), hint=" ".join((each.hint or "").split()))


def _report_first_start(ready: Callable[[str], None]) -> None:
    try:
        if not get_user_model().objects.exists():
            ready("there is no account yet: sealbus web setup-link prints the link that makes the first one")
    except (DatabaseError, InterfaceError):
        return  # logged by _check_migrated


def _check_migrated() -> None:
    try:
        pending = has_pending_migrations()
    except (DatabaseError, InterfaceError) as error:
        log_database_outage(error, "the site starts and tries again")
        return
    if pending:
        raise ConfigError(
            "the tables are missing or older than this version", key="SEALBUS_DATABASE", hint="run sealbus web migrate"
        )
