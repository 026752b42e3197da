"""The verbs of `sealbus`. A verb's module is imported when the verb is run, so that help and usage errors are quick."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from sealbus.cli.exits import FAILED, WRONG_USAGE, quit_if_not_installed, quit_with
from sealbus.version import __version__

__all__ = ["app", "run"]

_USAGE_ERROR: Final[Any] = typer.BadParameter.__mro__[1]  # typer has its own or click's, and exports only what is below
_NEGATIVE: Final = re.compile(r"-[.\d]")


class _Verb(NamedTuple):
    """`name` in `module` is the function of the verb, or the Typer app of a group of verbs."""

    module: str
    name: str
    help: str


_VERBS: Final = {
    "ca": _Verb("ca", "app", "A certificate authority for plants that have none."),
    "policy": _Verb("policy", "app", "Check a policy; show its decision on a request."),
    "audit": _Verb("audit", "app", "Read and verify the record of a gateway."),
    "web": _Verb("web", "app", "Serve the web site; manage it from the shell."),
    "gateway": _Verb("services", "gateway", "Stand in front of devices: mutual TLS, rights by role, a record."),
    "wrap": _Verb("services", "wrap", "Stand beside an application: plain Modbus in, mutual TLS out."),
    "read": _Verb("values", "read", "Read a value or a range."),
    "write": _Verb("values", "write", "Write coils or holding registers; no write is ever sent twice."),
    "check": _Verb("inspection", "check", "Look at the certificate and the suites of a server; send no request."),
    "simulate": _Verb("simulate", "simulate", "Simulate a pumping station as plain Modbus on loopback."),
    "collect": _Verb("collect", "collect", "Poll devices, keep history, publish values, run commands."),
    "up": _Verb("up", "up", "Start gateway, collector and site; with --demo a plant as well."),
}


class _Verbs(TyperGroup):
    """Lists all verbs by their one-line help, and imports the one that is run."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {name: TyperCommand(name, help=verb.help) for name, verb in _VERBS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As the parent, with the real command instead of the one that only has its help."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, found and _load(str(name)), rest


def _load(name: str) -> Any:
    verb = _VERBS[name]
    found = getattr(import_module(f"sealbus.cli.{verb.module}"), verb.name)
    if not isinstance(found, typer.Typer):
        function, found = found, typer.Typer(add_completion=False, rich_markup_mode=None)
        found.command(name, help=verb.help)(function)
    found.info.help = verb.help
    return get_command(found)


app = typer.Typer(
    name="sealbus",
    cls=_Verbs,
    help="Modbus, sealed: mutual TLS, rights by role down to the register.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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


def run() -> None:
    """Run a verb. Wrong usage is one line on stderr and status 2, like a wrong configuration."""
    try:
        status = app(standalone_mode=False)
    except _USAGE_ERROR as error:
        message = error.format_message()
        if message.startswith("Usage:"):  # a group of verbs without a verb: this is its whole help
            print(message, file=sys.stderr)
            raise SystemExit(WRONG_USAGE) from None
        message = " ".join(message.split())
        quit_with(f"{message[:1].lower()}{message[1:].rstrip('.')}; {_hint(error)}", WRONG_USAGE)
    except ImportError as error:  # while the module of the verb is imported
        quit_if_not_installed(error)
        raise
    except typer.Abort:
        quit_with("interrupted", FAILED)
    raise SystemExit(status)


def _hint(error: Any) -> str:
    if _NEGATIVE.match(getattr(error, "option_name", "") or ""):
        return "write -- before values if one is negative"
    return f"see {error.ctx.command_path} --help" if error.ctx else "see sealbus --help"
