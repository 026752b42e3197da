"""A simulated plant to practise on: a pumping station of three Modbus devices.

It consists of physics, a register map and devices. It serves on loopback only, its model reads no clock, and no other
part of Sealbus needs it.
"""

from sealbus.simulation.documentation import render_plant
from sealbus.simulation.points import Point, PointDevice, Reading, Writing
from sealbus.simulation.register_map import DEFAULT_PORT, PUMPING_STATION, DeviceMap
from sealbus.simulation.serving import (
    DeviceAddress,
    PlantOptions,
    check_plant,
    device_ports,
    run_plant,
)
from sealbus.simulation.station import PumpingStation

__all__ = [
    "DEFAULT_PORT",
    "PUMPING_STATION",
    "DeviceAddress",
    "DeviceMap",
    "PlantOptions",
    "Point",
    "PointDevice",
    "PumpingStation",
    "Reading",
    "Writing",
    "check_plant",
    "device_ports",
    "render_plant",
    "run_plant",
]
