"""`sealbus up`: gateway, collector and site on one machine, as separate processes; with --demo a plant as well.

They start in the order of their dependencies. The collector creates the database tables, so the site finds them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from sealbus.cli.demonstration import Ports, locked_folder, prepare
from sealbus.cli.demonstration_site import first_start_message, seed_demo
from sealbus.cli.exits import one_line_errors
from sealbus.cli.home import state_home
from sealbus.cli.log import print_text
from sealbus.cli.supervision import ServiceCommand, Supervisor
from sealbus.cli.tour import Heading, render_tour
from sealbus.errors import ConfigError
from sealbus.gateway import load_gateway_file

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from sealbus.cli.demonstration import Demonstration

__all__ = ["up"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(
    demo: Annotated[bool, typer.Option("--demo", help="The demonstration: a simulated plant behind a gateway")] = False,
    home: Annotated[
        Path | None, typer.Option(help="State folder [default: SEALBUS_HOME, else the state folder of the platform]")
    ] = None,
    mbaps_port: Annotated[int | None, typer.Option(help="Demo: port of the gateway [8802]", min=1, max=65535)] = None,
    plant_port: Annotated[
        int | None, typer.Option(help="Demo: first of the three ports of the plant [5020]", min=1, max=65533)
    ] = None,
    web_port: Annotated[int | None, typer.Option(help="Port of the site on loopback [8000]", min=1, max=65535)] = None,
) -> None:
    """Start the gateway (if there is a gateway.toml), the collector and the site; with --demo a plant as well."""
    with one_line_errors():
        folder = state_home(home) / "demo" if demo else state_home(home)
        if not demo and (mbaps_port or plant_port):
            raise ConfigError(
                "this option is for the demonstration only",
                key="--mbaps-port",
                hint="add --demo, or write the ports in gateway.toml",
            )
        with locked_folder(folder, what="the demonstration" if demo else "sealbus up"):
            os.environ["SEALBUS_HOME"] = str(folder.absolute())
            if demo:
                demonstration = prepare(folder, Ports(mbaps_port, plant_port, web_port), _announce)
                _listen(demonstration.web_port)
                asyncio.run(_run(_demonstrated(demonstration), lambda: _tour(demonstration)))
            else:
                if web_port:
                    _listen(web_port)
                asyncio.run(_run(_installed(folder), lambda: first_start_message(folder)))


def _listen(port: int) -> None:
    os.environ["SEALBUS_LISTEN"] = f"127.0.0.1:{port}"
    os.environ["SEALBUS_PUBLIC_URL"] = f"http://127.0.0.1:{port}"


def _demonstrated(demonstration: Demonstration) -> list[ServiceCommand]:
    plant = ServiceCommand("plant", ("simulate", "pumping-station", "--port", str(demonstration.plant_port)))
    return [plant, *_installed(demonstration.folder)]


def _installed(folder: Path) -> list[ServiceCommand]:
    """The services of this folder."""
    gateway_file = folder / "gateway.toml"
    collect, services = ["collect"], []
    if gateway_file.exists():
        table = load_gateway_file(gateway_file).gateway
        services.append(ServiceCommand("gateway", ("gateway", str(gateway_file))))
        collect += ["--records", f"{table.name}={table.records}"]
    return [*services, ServiceCommand("collector", tuple(collect)), ServiceCommand("site", ("web", "serve"))]


def _tour(demonstration: Demonstration) -> Iterator[str]:
    seed_demo(demonstration, _announce)
    yield from first_start_message(demonstration.folder)
    yield ""
    yield from render_tour(demonstration)


async def _run(commands: list[ServiceCommand], welcome: Callable[[], Iterable[str]]) -> None:
    supervisor = Supervisor(commands, say=_say)
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            supervisor.kill()  # a second signal: do not wait
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # inherited from nohup: stay ignored
            loop.add_signal_handler(number, stop)
    try:
        await _unless(stopping, supervisor.start(_announce))
        if not stopping.is_set():
            for part in await asyncio.to_thread(lambda: list(welcome())):
                for line in part.split("\n"):
                    print_text(line, bold=isinstance(part, Heading) and sys.stdout.isatty())
        await stopping.wait()
    finally:
        _announce("stopping")
        await supervisor.stop()


async def _unless(stopping: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do the work, or cancel it when `stopping` is set."""
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
    with contextlib.suppress(OSError):  # the terminal may be closed; the services continue
        print_text(line, to_stderr=True)
