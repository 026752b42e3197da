"""Where is Modbus spoken, and where may it be? Endpoint URLs and the operator's allowed networks as values.

Pure: text in, values out. The package refuses to resolve a name, open a port or know a certificate; that is `transport`.
It stands apart from it because those who may never reach a device (the web server) still have to judge what a user typed.
"""

from sealbus.endpoints.allowed import NetworkRules
from sealbus.endpoints.endpoint import (
    Endpoint,
    Parity,
    Scheme,
    SerialLine,
    SshForward,
    is_loopback_address,
    render_authority,
)
from sealbus.endpoints.endpoint_url import parse_endpoint

__all__ = [
    "Endpoint",
    "NetworkRules",
    "Parity",
    "Scheme",
    "SerialLine",
    "SshForward",
    "is_loopback_address",
    "parse_endpoint",
    "render_authority",
]
