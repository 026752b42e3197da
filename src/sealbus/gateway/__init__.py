"""How does a plant get sealed? Listeners in front of devices that never change, and a record of what passes.

Refuses to forward what no rule allows, to forward an answer that does not fit its request, to send anything twice, and
to send a write that is not in the record.
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
from sealbus.gateway.gateway import Gateway, GatewayPace, load_policy
from sealbus.gateway.notify import notify
from sealbus.gateway.process import GatewayProcess, run_gateway
from sealbus.gateway.trust_state import TrustState

__all__ = [
    "DeviceTable",
    "Gateway",
    "GatewayFile",
    "GatewayPace",
    "GatewayProcess",
    "GatewayTable",
    "IdentityTable",
    "LimitsTable",
    "ListenerTable",
    "TrustState",
    "load_gateway_file",
    "load_policy",
    "notify",
    "parse_gateway_file",
    "run_gateway",
]
