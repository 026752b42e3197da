"""Who may see and steer the plant from a browser or a program, and what did they do? The Django project.

The front door for the command line. Nothing of Django is loaded before `boot`; everything else here wants it first. It
refuses to reach a device: what should be done there is stored, and the collector does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sealbus.web.config.collector_desk import CollectorDesk as CollectorDesk

__all__ = ["boot", "collector_desk", "migrate", "serve"]


def boot(home: Path, environ: Mapping[str, str]) -> None:
    """Set up Django for this state folder, once. Raises ConfigError for what is wrong in the environment."""
    from sealbus.web.config.boot import boot_process

    boot_process(home, environ)


def collector_desk() -> CollectorDesk:
    """What the collector gets from the site and hands back to it."""
    from sealbus.web.config.collector_desk import CollectorDesk

    return CollectorDesk()


def migrate() -> None:
    """Create or update the tables. Raises ConfigError where the database is away, refuses us, or is newer than this."""
    from sealbus.web.config.migration import migrate_database

    migrate_database()


def serve(ready: Callable[[str], None]) -> None:
    """Serve the site until SIGTERM. `ready` gets lines for people; the last begins with "listening on "."""
    from sealbus.web.config.serving import serve_site

    serve_site(ready)
