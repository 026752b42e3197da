"""The server side: sessions of clients, each request authorized alone and answered by a device or forwarded by a gateway.

This package refuses to answer what no rule allows, and to let one client take the share of the others.
"""

from sealbus.server.device import Cells, Device, DeviceBackend, ReadFunction, WriteFunction
from sealbus.server.rulings import PolicyRulings, RoleRulings, Ruling
from sealbus.server.serve import Server, serve
from sealbus.server.service import Observer, ServerSecurity, Service, ServiceLimits
from sealbus.server.session import Backend, Session, SessionLimits, SessionOwner

__all__ = [
    "Backend",
    "Cells",
    "Device",
    "DeviceBackend",
    "Observer",
    "PolicyRulings",
    "ReadFunction",
    "RoleRulings",
    "Ruling",
    "Server",
    "ServerSecurity",
    "Service",
    "ServiceLimits",
    "Session",
    "SessionLimits",
    "SessionOwner",
    "WriteFunction",
    "serve",
]
