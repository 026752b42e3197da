"""How do we answer? Sessions of clients, judged request by request, answered by a device or passed on by a gateway.

Refuses to answer anything that no rule allows, and to let one client take what belongs to the others.
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
