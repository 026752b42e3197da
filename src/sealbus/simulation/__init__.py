"""What does a plant look like from outside? A pumping station of three devices to practise on.

Physics, register map and devices. It refuses to leave loopback, to read a clock in its model, and to be part of a real
plant: nothing in Sealbus needs it.
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
