"""Modbus, sealed: a client and a server that are secure by default, and the parts the Sealbus gateway is made of.

    operator = Identity.load("op.crt", "op.key")
    async with sealbus.connect("mbaps://plant.example", identity=operator, trust="ca.crt") as modbus:
        words = await modbus.read_holding_registers(0, 10, unit=1)
        level = await modbus.read("holding:20", type="float32", order="CDAB", unit=1)
        await modbus.write_register(100, 42, unit=1)

`sealbus.sync.connect` is the same without `await`. `sealbus.serve` offers a `Device` under a policy.
"""

from sealbus import sync
from sealbus.client import ChannelRules, Connection, connect
from sealbus.errors import (
    ConfigError,
    DeviceException,
    LocalError,
    PeerError,
    ResponseTimeout,
    SealbusError,
    Unreachable,
)
from sealbus.policy import Policy, parse_policy
from sealbus.protocol import ExceptionCode, FunctionCode, Table, ValueType, WordOrder
from sealbus.security import Identity, TlsOptions, Trust
from sealbus.server import Device, Server, serve
from sealbus.version import __version__

__all__ = [
    "ChannelRules",
    "ConfigError",
    "Connection",
    "Device",
    "DeviceException",
    "ExceptionCode",
    "FunctionCode",
    "Identity",
    "LocalError",
    "PeerError",
    "Policy",
    "ResponseTimeout",
    "SealbusError",
    "Server",
    "Table",
    "TlsOptions",
    "Trust",
    "Unreachable",
    "ValueType",
    "WordOrder",
    "__version__",
    "connect",
    "parse_policy",
    "serve",
    "sync",
]
