"""How is a plant protected without changing its devices? By listeners in front of them, and a record of the traffic.

The gateway does not forward a request that no rule allows, nor an answer that does not match its request. It sends
nothing twice, and no write that is not recorded.
"""

from sealbus.gateway.config import (
    DeviceTable,
    GatewayFile,
    GatewayTable,
    IdentityTable,
    LimitsTable,
    ListenerTable,
    load_gateway_file,
    parse_gateway_file,
)
from sealbus.gateway.gateway import Gateway, GatewayPace
from sealbus.gateway.notify import notify
from sealbus.gateway.policy_file import load_policy
from sealbus.gateway.process import GatewayProcess, run_gateway
from sealbus.gateway.security import GatewaySecurity
from sealbus.gateway.serial_ports import serial_warnings

__all__ = [
    "DeviceTable",
    "Gateway",
    "GatewayFile",
    "GatewayPace",
    "GatewayProcess",
    "GatewaySecurity",
    "GatewayTable",
    "IdentityTable",
    "LimitsTable",
    "ListenerTable",
    "load_gateway_file",
    "load_policy",
    "notify",
    "parse_gateway_file",
    "run_gateway",
    "serial_warnings",
]
