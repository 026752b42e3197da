"""Create or update the tables to those of this version. One process at a time; never backwards.

A lock file excludes a second process on this machine; on PostgreSQL, an advisory lock excludes other machines too.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from sealbus.errors import ConfigError
from sealbus.web.config.folder_lock import locked_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.web.config.environment import Environment

__all__ = ["explained_database", "has_pending_migrations", "migrate_database"]

_LOCK = 0x5EA1B5  # of pg_advisory_lock: any number that no other program uses
_KEY = "SEALBUS_DATABASE"


def migrate_database() -> None:
    """Create or update all tables. Raises ConfigError if the database does not answer, refuses, or is newer than this."""
    environment: Environment = settings.SEALBUS  # type: ignore[misc]  # ours
    with explained_database(environment), locked_folder(environment.home, "migrate.lock"), _locked_database():
        _refuse_newer()
        call_command("migrate", interactive=False, verbosity=0)


def has_pending_migrations() -> bool:
    """Whether tables are missing or older than this version. Raises Django's database errors."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _refuse_newer() -> None:
    """Raise ConfigError for a database that a newer version has changed."""
    loader = MigrationLoader(connection)
    ours = {app for app, _ in loader.disk_migrations}
    unknown = sorted(key for key in loader.applied_migrations if key[0] in ours and key not in loader.disk_migrations)
    unknown = [key for key in unknown if key not in loader.replacements]
    if unknown:
        app, name = unknown[-1]
        raise ConfigError(
            f"the database was made by a newer version: it has the migration {app}.{name}",
            key=_KEY,
            hint="start the newer version, or restore a backup from before it",
        )


@contextmanager
def explained_database(environment: Environment) -> Iterator[None]:
    """Within it, an error of the database driver becomes a ConfigError that names the database, never the password."""
    database = environment.database
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        reason = " ".join(str(error).split())
        if database.password:
            reason = reason.replace(database.password, "***")
        where = f"{database.host or 'the local socket'}:{database.port}/{database.name}" if database.is_server else None
        raise ConfigError(
            f"the database at {where} refused or failed: {reason}" if where else f"the database failed: {reason}",
            file=None if where else str(database.path),
            key=_KEY,
            hint="check that it runs, that the address is right, and that the user may sign in and create tables"
            if where
            else "give this user write access to the file and its folder, and check the free space of the disk",
        ) from None


@contextmanager
def _locked_database() -> Iterator[None]:
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
