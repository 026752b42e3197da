"""`sealbus web`: serve the site, and administer it from a shell on its machine.

Each verb imports Django when it runs; help and usage errors do not.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from sealbus import web
from sealbus.cli.exits import FAILED, one_line_errors
from sealbus.cli.home import state_home
from sealbus.cli.log import LogFormat, print_text, start_log
from sealbus.cli.readiness import say

__all__ = [
    "ExportKind",
    "app",
    "audit_app",
    "emergency_link",
    "export",
    "import_site",
    "migrate",
    "password_link",
    "serve",
    "setup_link",
    "verify",
]

app = typer.Typer(
    help="The web site: serve it, and look after it.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)
audit_app = typer.Typer(no_args_is_help=True)
app.add_typer(audit_app, name="audit", help="Verify and export the audit of the site.")

_Home = Annotated[
    Path | None, typer.Option(help="State folder [default: SEALBUS_HOME, else the state folder of the platform]")
]


class ExportKind(StrEnum):
    """The format of an export."""

    JSONL = "jsonl"
    CSV = "csv"


@app.command()
def serve(
    home: _Home = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT [default: SEALBUS_LISTEN, else 127.0.0.1:8000]")] = "",
    public_url: Annotated[str, typer.Option(help="URL of the site in the browser [default: SEALBUS_PUBLIC_URL]")] = "",
    log: Annotated[LogFormat, typer.Option(help="Format of the log")] = LogFormat.PLAIN,
) -> None:
    """Serve API, live values and pages until SIGTERM."""
    start_log(log)  # first: what is wrong with a variable is a line of the log too
    with one_line_errors():
        options = {"SEALBUS_LISTEN": listen, "SEALBUS_PUBLIC_URL": public_url}
        _boot(home, {name: value for name, value in options.items() if value})
        web.serve(say)


@app.command()
def migrate(home: _Home = None) -> None:
    """Create or update the database tables."""
    with one_line_errors():
        _boot(home)
        web.migrate()
        print_text("the database tables are up to date")


@app.command("setup-link")
def setup_link(home: _Home = None) -> None:
    """Print the link that creates the first administrator. It works once."""
    with one_line_errors():
        _boot_known(home)
        web.migrate()
        print_text(web.setup_link())


@app.command("emergency-link")
def emergency_link(
    home: _Home = None, hours: Annotated[float, typer.Option(help="Hours until it expires, at most 72", min=0.1)] = 8.0
) -> None:
    """Print a read-only link to the whole site that needs no account. It ends the link before it."""
    with one_line_errors():
        _boot_known(home)
        print_text(web.emergency_link(hours))


@app.command("password-link")
def password_link(user: Annotated[str, typer.Argument(help="Name of the user")], home: _Home = None) -> None:
    """Print a link with which a user sets a new password."""
    with one_line_errors():
        _boot_known(home)
        print_text(web.password_link(user))


@audit_app.command()
def verify(
    home: _Home = None,
    noted: Annotated[
        str, typer.Option(metavar="NUMBER:HASH", help="Last entry of an earlier verify; must still exist")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON")] = False,
) -> None:
    """Check every hash and name the first bad entry. Status 0: good, 1: bad."""
    with one_line_errors():
        _boot_known(home)
        with _progress() as progress:
            task = progress.add_task("")
            verdict = web.verify_audit(noted, lambda at, last: progress.update(task, completed=at, total=last))
    if as_json:
        print(json.dumps({"good": verdict.good, **asdict(verdict)}))
    else:
        print_text(f"{verdict.entries} good entries")
        print_text(f"last entry {verdict.head}")
    if verdict.finding is not None:
        found = verdict.finding
        print_text(
            f"sealbus: the audit is BAD at entry {found.sequence} ({found.fault}): {found.detail}", to_stderr=True
        )
        raise typer.Exit(FAILED)


@audit_app.command()
def export(
    home: _Home = None,
    kind: Annotated[ExportKind, typer.Option("--as", help="Format")] = ExportKind.JSONL,
    action: Annotated[str, typer.Option(help="Only actions with this prefix, such as gateway.")] = "",
    actor: Annotated[str, typer.Option(help="Only actions of this actor")] = "",
) -> None:
    """Print the entries, oldest first, each with number and hash."""
    with one_line_errors():
        _boot_known(home)
        for piece in web.export_audit(kind=kind.value, action=action, actor=actor):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


@app.command(name="import")
def import_site(
    file: Annotated[Path, typer.Argument(help="JSON document with groups, networks, connections, devices and tags")],
    home: _Home = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would change, and change nothing")] = False,
) -> None:
    """Import groups, networks, connections, devices and tags: the whole document or nothing."""
    from sealbus import web

    with one_line_errors():
        _boot_known(home)
        web.migrate()
        for line in web.import_site(file, dry_run=dry_run):
            print_text(line)


def _boot(home: Path | None, options: dict[str, str] | None = None) -> None:
    web.boot(state_home(home), {**os.environ, **(options or {})})


def _boot_known(home: Path | None) -> None:
    """For verbs that need an existing site: a mistyped folder must not become a new, empty site."""
    web.boot_known(state_home(home), dict(os.environ))


def _progress() -> Progress:
    """A bar on a terminal, nothing in a pipe."""
    columns = (TextColumn("entry {task.completed:.0f} of {task.total:.0f}"), BarColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
