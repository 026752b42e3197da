"""The verbs of `sealbus`."""

from __future__ import annotations

import re
import sys
from typing import Annotated, Any, Final

import typer

from sealbus.cli import audit, ca, policy, web
from sealbus.cli.collect import collect
from sealbus.cli.exits import FAILED, WRONG_USAGE, quit_with
from sealbus.cli.services import gateway, wrap
from sealbus.cli.simulate import simulate
from sealbus.cli.up import up
from sealbus.cli.values import read, write
from sealbus.version import __version__

__all__ = ["app", "main"]

_USAGE_ERROR: Final[Any] = typer.BadParameter.__mro__[1]  # typer has its own or click's, and exports only what is below
_NEGATIVE: Final = re.compile(r"-[.\d]")

app = typer.Typer(
    name="sealbus",
    help="Modbus, sealed: mutual TLS, rights by role down to the register.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(ca.app, name="ca", help="A certificate authority for plants that have none.")
app.add_typer(policy.app, name="policy", help="Check a policy; ask what it would decide.")
app.add_typer(audit.app, name="audit", help="Read and verify the record of a gateway.")
app.add_typer(web.app, name="web", help="The web site: serve it, and look after it.")
for verb in (gateway, wrap, read, write, simulate, collect, up):
    app.command()(verb)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version")] = False,
) -> None:
    if version:
        print(f"sealbus {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)


def main() -> None:
    """Run the command line. Wrong usage is one line on stderr and status 2, like a wrong configuration."""
    try:
        status = app(standalone_mode=False)
    except _USAGE_ERROR as error:
        message = error.format_message()
        if message.startswith("Usage:"):  # a group of verbs without a verb: this is its whole help
            print(message, file=sys.stderr)
            raise SystemExit(WRONG_USAGE) from None
        message = " ".join(message.split())
        quit_with(f"{message[:1].lower()}{message[1:].rstrip('.')}; {_hint(error)}", WRONG_USAGE)
    except typer.Abort:
        quit_with("interrupted", FAILED)
    raise SystemExit(status)


def _hint(error: Any) -> str:
    if _NEGATIVE.match(getattr(error, "option_name", "") or ""):
        return "write -- before values if one is negative"
    return f"see {error.ctx.command_path} --help" if error.ctx else "see sealbus --help"
