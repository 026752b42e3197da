"""The site: accounts, rights, configuration, live values, history and audit, as a Django project.

These functions are the interface for the command line. Nothing of Django is loaded before `boot`, and every other function
needs it. The package refuses to reach a device: it stores a command, and the collector executes it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sealbus.web.audit.verification import ChainReport
    from sealbus.web.config.collector_store import DatabaseCollectorStore as DatabaseCollectorStore

__all__ = [
    "boot",
    "boot_known",
    "collector_store",
    "emergency_link",
    "export_audit",
    "import_site",
    "migrate",
    "password_link",
    "serve",
    "setup_link",
    "verify_audit",
]


def boot(home: Path, environ: Mapping[str, str]) -> None:
    """Set up Django for this state folder, once. Raises ConfigError for a wrong environment variable."""
    from sealbus.web.config.boot import boot_process

    boot_process(home, environ)


def boot_known(home: Path, environ: Mapping[str, str]) -> None:
    """As `boot`, for a folder that has a site; links begin with that site's public URL. ConfigError: it has no site."""
    from sealbus.web.config.boot import boot_known_process

    boot_known_process(home, environ)


@contextmanager
def collector_store(home: Path) -> Iterator[DatabaseCollectorStore]:
    """The site, for the collector process. ConfigError: a collector runs in this state folder already."""
    from sealbus.web.config.collector_store import DatabaseCollectorStore
    from sealbus.web.config.folder_lock import locked_folder

    with locked_folder(home, "collector.lock", refusal="a collector runs in this state folder already"):
        store = DatabaseCollectorStore()
        store.release_leases_of_dead()
        yield store


def import_site(file: Path, *, dry_run: bool = False) -> Iterator[str]:
    """Import groups, networks, connections, devices and tags from a document, or nothing; yields a line for each part."""
    from sealbus.web.config.site_document import import_site as import_document

    return import_document(file, dry_run=dry_run)


def migrate() -> None:
    """Create or update the tables. Raises ConfigError if the database fails, or was made by a newer version."""
    from sealbus.web.config.migration import migrate_database

    migrate_database()


def serve(ready: Callable[[str], None]) -> None:
    """Serve the site until SIGTERM. `ready` gets lines for the operator; the last begins with "listening on "."""
    from sealbus.web.config.limits import ServerLimits
    from sealbus.web.config.serving import serve_site

    serve_site(ready, ServerLimits())


def setup_link() -> str:
    """The link that creates the first administrator. Raises LocalError if there is one."""
    from sealbus.web.config.shell import make_setup_link

    return make_setup_link()


def emergency_link(hours: float) -> str:
    """A link to a view of everything, without an account and without any changes, for some hours."""
    from sealbus.web.config.shell import make_emergency_link

    return make_emergency_link(hours)


def password_link(username: str) -> str:
    """A link with which this user sets a new password. Raises LocalError if there is no such user."""
    from sealbus.web.config.shell import make_password_link

    return make_password_link(username)


def verify_audit(noted: str, progress: Callable[[int, int], None]) -> ChainReport:
    """Verify the whole audit. `noted` is empty, or SEQUENCE:HASH of an entry that must still be there."""
    from sealbus.web.config.shell import verify_entries

    return verify_entries(noted, progress)


def export_audit(*, kind: str, action: str = "", actor: str = "") -> Iterator[bytes]:
    """The audit, oldest entry first. `kind` is jsonl or csv; `action` is a prefix, `actor` a whole name."""
    from sealbus.web.audit.queries import EntryFilter
    from sealbus.web.config.shell import export_entries

    return export_entries(kind=kind, wanted=EntryFilter(action=action, actor=actor))
