"""The plant as a process: one listener per device, and a loop that advances the simulation.

Plain Modbus, on loopback only. The simulation advances by real time multiplied by `speed`; after a pause of the machine
it continues where it was and does not catch up.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError
from sealbus.server import Device, serve
from sealbus.simulation.points import PointDevice
from sealbus.simulation.register_map import DEFAULT_PORT, PUMPING_STATION
from sealbus.simulation.station import PumpingStation
from sealbus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.simulation.register_map import DeviceMap

__all__ = ["DeviceAddress", "PlantOptions", "check_plant", "device_ports", "run_plant"]

_PLANTS = ("pumping-station",)
_TURN_S = 0.25
_MAX_PAUSE_S = 5.0
_ANY_UNIT_ID = 255  # MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 4.4.2.1: the device itself
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class PlantOptions:
    """`port` is that of the first device, the others follow; `speed` is the factor to real time."""

    port: int = DEFAULT_PORT
    speed: float = 1.0
    seed: int = 1
    day_s: float = 8 * 3600.0


@dataclass(frozen=True, slots=True)
class DeviceAddress:
    """The address of one device of the plant."""

    unit_id: int
    name: str
    url: str


def check_plant(name: str) -> None:
    """Raises ConfigError for an unknown plant."""
    if name not in _PLANTS:
        raise ConfigError(f"there is no plant {name!r}", key="PLANT", hint=f"write one of: {', '.join(_PLANTS)}")


def device_ports(first: int) -> list[int]:
    """The ports of all devices, the first at `first`. Raises ConfigError beyond the last port."""
    ports = list(range(first, first + len(PUMPING_STATION)))
    if ports[-1] > _LAST_PORT:
        raise ConfigError(
            f"{len(ports)} devices need ports {first} to {ports[-1]}, but {_LAST_PORT} is the last",
            key="port",
            hint=f"use {_LAST_PORT - len(ports) + 1} or less",
        )
    return ports


async def run_plant(options: PlantOptions, *, ready: Callable[[list[DeviceAddress]], None]) -> None:
    """Serve the pumping station until cancelled. Raises ConfigError when a port is not available."""
    station = PumpingStation(seed=options.seed, day_s=options.day_s)
    addresses: list[DeviceAddress] = []
    async with AsyncExitStack() as servers:
        for device_map, port in zip(PUMPING_STATION, device_ports(options.port), strict=True):
            url = f"tcp://127.0.0.1:{port}"
            device = _device(station, device_map)
            await servers.enter_async_context(
                serve(url, {device_map.unit_id: device, _ANY_UNIT_ID: device}, unsafe_no_policy=True)
            )
            addresses.append(DeviceAddress(device_map.unit_id, device_map.name, url))
        ready(addresses)
        await _run_clock(station, options.speed)


def _device(station: PumpingStation, device_map: DeviceMap) -> Device:
    points = PointDevice(station, device_map.points)
    return Device(
        read=points.read,
        write=points.write,
        identification={0: b"Sealbus", 1: f"simulated {device_map.name}".encode(), 2: __version__.encode()},
    )


async def _run_clock(station: PumpingStation, speed: float) -> None:
    clock = asyncio.get_running_loop().time
    last = clock()
    while True:
        await asyncio.sleep(_TURN_S)
        now = clock()
        station.advance(min(now - last, _MAX_PAUSE_S) * speed)
        last = now
