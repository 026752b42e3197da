"""`sealbus simulate`: a simulated plant as plain Modbus on loopback, until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from typing import TYPE_CHECKING, Annotated

import typer

from sealbus.cli.exits import one_line_errors
from sealbus.cli.log import print_text
from sealbus.simulation import DEFAULT_PORT, PlantOptions, check_plant, render_plant, run_plant
from sealbus.transport import new_event_loop

if TYPE_CHECKING:
    from sealbus.simulation import DeviceAddress

__all__ = ["simulate"]

_FASTEST = 120.0


def simulate(
    plant: Annotated[str, typer.Argument(help="Name of the plant; there is one")] = "pumping-station",
    port: Annotated[
        int, typer.Option(help="Port of the first device; the others follow", min=1, max=65533)
    ] = DEFAULT_PORT,
    speed: Annotated[float, typer.Option(help="Speed, in multiples of real time", min=0.1, max=_FASTEST)] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the noise")] = 1,
    registers: Annotated[bool, typer.Option("--registers", help="Print the register map and exit")] = False,
) -> None:
    """Simulate a pumping station of three devices as plain Modbus on loopback."""
    with one_line_errors():
        check_plant(plant)
        if registers:
            print(render_plant(), end="")
            return
        options = PlantOptions(port=port, speed=speed, seed=seed, day_s=_seconds_since_midnight())
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_until_stopped(options))


async def _until_stopped(options: PlantOptions) -> None:
    work = asyncio.ensure_future(run_plant(options, ready=_say))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work


def _say(addresses: list[DeviceAddress]) -> None:
    for address in addresses:
        print_text(f"listening on {address.url}, unit {address.unit_id}: {address.name}", to_stderr=True)


def _seconds_since_midnight() -> float:
    now = time.localtime()
    return now.tm_hour * 3600.0 + now.tm_min * 60 + now.tm_sec
