"""Modbus, sealed: a client and a server that are secure by default, and the parts the Sealbus gateway is made of.

    operator = Identity.load("op.crt", "op.key")
    async with sealbus.connect("mbaps://plant.example", identity=operator, trust="ca.crt") as modbus:
        words = await modbus.read_holding_registers(0, 10, unit=1)
        level = await modbus.read("holding:20", type="float32", order="CDAB", unit=1)
        await modbus.write_register(100, 42, unit=1)

`sealbus.sync.connect` is the same without `await`. `sealbus.serve` offers a `Device` under a policy.

Each name is imported at its first use, so that `import sealbus` and `sealbus --help` stay quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sealbus.version import __version__

if TYPE_CHECKING:
    from sealbus import sync as sync
    from sealbus.client import (
        ChannelRules,
        Connection,
        ConnectionEvent,
        ConnectionState,
        SunSpecModel,
        WireBytes,
        connect,
    )
    from sealbus.errors import (
        ConfigError,
        DeviceException,
        FailedRequest,
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

__all__ = [
    "ChannelRules",
    "ConfigError",
    "Connection",
    "ConnectionEvent",
    "ConnectionState",
    "Device",
    "DeviceException",
    "ExceptionCode",
    "FailedRequest",
    "FunctionCode",
    "Identity",
    "LocalError",
    "PeerError",
    "Policy",
    "ResponseTimeout",
    "SealbusError",
    "Server",
    "SunSpecModel",
    "Table",
    "TlsOptions",
    "Trust",
    "Unreachable",
    "ValueType",
    "WireBytes",
    "WordOrder",
    "__version__",
    "connect",
    "parse_policy",
    "serve",
    "sync",
]

_PACKAGES = ("errors", "protocol", "policy", "security", "client", "server")


def __getattr__(name: str) -> object:
    if name == "sync":
        return import_module("sealbus.sync")
    if name in __all__:
        for package in map(import_module, (f"sealbus.{each}" for each in _PACKAGES)):
            if name in package.__all__:
                value = globals()[name] = getattr(package, name)
                return value
    raise AttributeError(f"module 'sealbus' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
