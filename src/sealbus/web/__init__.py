"""Who may see and steer the plant from a browser or a program, and what did they do? The Django project.

The front door for the command line. Nothing of Django is loaded before `boot`; everything else here wants it first. It
refuses to reach a device: what should be done there is stored, and the collector does it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sealbus.web.audit.verification import Verdict
    from sealbus.web.config.collector_desk import CollectorDesk as CollectorDesk

__all__ = [
    "boot",
    "boot_known",
    "collector_desk",
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
    """Set up Django for this state folder, once. Raises ConfigError for what is wrong in the environment."""
    from sealbus.web.config.boot import boot_process

    boot_process(home, environ)


def boot_known(home: Path, environ: Mapping[str, str]) -> None:
    """As `boot`, for a state folder that has a site, by whose own public URL links are made. ConfigError: it has none."""
    from sealbus.web.config.boot import boot_known_process

    boot_known_process(home, environ)


@contextmanager
def collector_desk(home: Path) -> Iterator[CollectorDesk]:
    """What the collector gets from the site and hands back to it. ConfigError: another one uses this state folder."""
    from sealbus.web.config.collector_desk import CollectorDesk
    from sealbus.web.config.folder_lock import locked_folder

    with locked_folder(home, "collector.lock", refusal="a collector runs in this state folder already"):
        yield CollectorDesk()


def import_site(file: Path, *, dry_run: bool = False) -> Iterator[str]:
    """Take in groups, networks, connections, devices and tags from a document, all or nothing; a line for each part."""
    from sealbus.web.config.site_document import import_site as take_in

    return take_in(file, dry_run=dry_run)


def migrate() -> None:
    """Create or update the tables. Raises ConfigError where the database is away, refuses us, or is newer than this."""
    from sealbus.web.config.migration import migrate_database

    migrate_database()


def serve(ready: Callable[[str], None]) -> None:
    """Serve the site until SIGTERM. `ready` gets lines for people; the last begins with "listening on "."""
    from sealbus.web.config.limits import ServerLimits
    from sealbus.web.config.serving import serve_site

    serve_site(ready, ServerLimits())


def setup_link() -> str:
    """The link that makes the first administrator, once. Raises LocalError where there is one."""
    from sealbus.web.config.shell import make_setup_link

    return make_setup_link()


def emergency_link(hours: float) -> str:
    """A link that shows everything and changes nothing, without an account, for some hours."""
    from sealbus.web.config.shell import make_emergency_link

    return make_emergency_link(hours)


def password_link(username: str) -> str:
    """A link with which this user sets a new password. Raises LocalError where there is no such user."""
    from sealbus.web.config.shell import make_password_link

    return make_password_link(username)


def verify_audit(noted: str, progress: Callable[[int, int], None]) -> Verdict:
    """Walk the whole audit. `noted` is empty, or SEQUENCE:HASH of an entry that must be there still."""
    from sealbus.web.config.shell import verify_entries

    return verify_entries(noted, progress)


def export_audit(*, kind: str, action: str = "", actor: str = "") -> Iterator[bytes]:
    """The audit, oldest entry first: `kind` is jsonl or csv. `action` is the beginning of one, `actor` a whole name."""
    from sealbus.web.audit.queries import EntryFilter
    from sealbus.web.config.shell import export_entries

    return export_entries(kind=kind, wanted=EntryFilter(action=action, actor=actor))
