"""The verbs of `sealbus`."""

from __future__ import annotations

from typing import Annotated

import typer

from sealbus.cli import audit, ca, policy
from sealbus.cli.services import gateway, wrap
from sealbus.cli.simulate import simulate
from sealbus.cli.up import up
from sealbus.cli.values import read, write
from sealbus.version import __version__

__all__ = ["app", "main"]

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
for verb in (gateway, wrap, read, write, simulate, up):
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
    """Run the command line."""
    app()
