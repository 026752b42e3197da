"""`sealbus up`: everything on one machine, as separate processes. In this version: the demonstration."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from sealbus.cli.demonstration import Ports, locked_folder, prepare
from sealbus.cli.exits import one_line_errors
from sealbus.cli.home import state_home
from sealbus.cli.supervision import ServiceCommand, Supervisor
from sealbus.cli.tour import render_tour
from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sealbus.cli.demonstration import Demonstration

__all__ = ["up"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(
    demo: Annotated[bool, typer.Option("--demo", help="The demonstration: a simulated plant behind a gateway")] = False,
    home: Annotated[Path | None, typer.Option(help="State folder (else SEALBUS_HOME, else the usual place)")] = None,
    mbaps_port: Annotated[int | None, typer.Option(help="Port of the gateway [8802]", min=1, max=65535)] = None,
    plant_port: Annotated[
        int | None, typer.Option(help="First of the three ports of the plant [5020]", min=1, max=65533)
    ] = None,
) -> None:
    """Start a plant, a gateway in front of it, and a guided tour."""
    with one_line_errors():
        if not demo:
            raise ConfigError(
                "this version of sealbus up starts only the demonstration",
                mend="use sealbus up --demo; a gateway of your own is sealbus gateway gateway.toml",
            )
        folder = state_home(home) / "demo"
        with locked_folder(folder):
            demonstration = prepare(folder, Ports(mbaps_port, plant_port), _announce)
            asyncio.run(_run(demonstration))


async def _run(demonstration: Demonstration) -> None:
    plant = ("simulate", "pumping-station", "--port", str(demonstration.plant_port))
    gateway = ("gateway", str(demonstration.gateway_file))
    supervisor = Supervisor([ServiceCommand("plant", plant), ServiceCommand("gateway", gateway)], say=_say)
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            supervisor.kill()  # asked twice: do not wait
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks
            loop.add_signal_handler(number, stop)
    try:
        await _unless(stopping, supervisor.start(_announce))
        if not stopping.is_set():
            for line in render_tour(demonstration):
                typer.echo(line)
        await stopping.wait()
    finally:
        _announce("stopping")
        await supervisor.stop()


async def _unless(stopping: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do the work, but no further than to the wish to stop."""
    task, wish = asyncio.ensure_future(work), asyncio.ensure_future(stopping.wait())
    await asyncio.wait({task, wish}, return_when=asyncio.FIRST_COMPLETED)
    wish.cancel()
    if task.done():
        await task
    task.cancel()
    await asyncio.wait({task})


def _announce(text: str) -> None:
    """Progress, for people at a terminal."""
    if sys.stdout.isatty():
        typer.echo(f"{text} ...")


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone, the plant goes on
        typer.echo(line, err=True)
