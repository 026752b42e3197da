"""How is a device reached, and is that address allowed? Endpoint URLs and the operator's allowed networks, as values.

Pure: text in, values out. The package refuses to resolve names, open ports or read certificates; that is `transport`. It
is separate from `transport` because the web server, which must not reach a device, has to check URLs that a user typed.
"""

from sealbus.endpoints.addresses import address_group, plain_address
from sealbus.endpoints.allowed import NetworkRules
from sealbus.endpoints.endpoint import (
    Endpoint,
    Parity,
    Scheme,
    SerialLine,
    SshForward,
    is_loopback_address,
    render_authority,
    unmapped,
)
from sealbus.endpoints.endpoint_url import parse_endpoint
from sealbus.endpoints.hosts import canonical_host

__all__ = [
    "Endpoint",
    "NetworkRules",
    "Parity",
    "Scheme",
    "SerialLine",
    "SshForward",
    "address_group",
    "canonical_host",
    "is_loopback_address",
    "parse_endpoint",
    "plain_address",
    "render_authority",
    "unmapped",
]
