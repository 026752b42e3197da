"""`sealbus web`: the site, and what its operator does from the shell of its machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from sealbus.cli.exits import one_line_errors
from sealbus.cli.home import state_home
from sealbus.cli.log import LogFormat, start_log

__all__ = ["app", "migrate", "serve"]

app = typer.Typer(help="The web site: serve it, and look after it.", no_args_is_help=True)

_Home = Annotated[Path | None, typer.Option(help="State folder (else SEALBUS_HOME, else the usual place)")]


@app.command()
def serve(
    home: _Home = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT (else SEALBUS_LISTEN, else 127.0.0.1:8000)")] = "",
    public_url: Annotated[str, typer.Option(help="What people type (else SEALBUS_PUBLIC_URL)")] = "",
    log: Annotated[LogFormat, typer.Option(help="How log lines look")] = LogFormat.PLAIN,
) -> None:
    """Serve pages, the API and live values until it is told to end."""
    from sealbus import web

    with one_line_errors():
        start_log(log, also=("django", "uvicorn"))
        options = {"SEALBUS_LISTEN": listen, "SEALBUS_PUBLIC_URL": public_url}
        _boot(home, {name: value for name, value in options.items() if value})
        web.serve(lambda line: print(line, file=sys.stderr, flush=True))


@app.command()
def migrate(home: _Home = None) -> None:
    """Create or update the tables of the database."""
    from sealbus import web

    with one_line_errors():
        _boot(home)
        web.migrate()
        print("the tables are those of this version")


def _boot(home: Path | None, options: dict[str, str] | None = None) -> None:
    from sealbus import web

    web.boot(state_home(home), {**os.environ, **(options or {})})
