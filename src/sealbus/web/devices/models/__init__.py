"""The configuration: connections, devices and their tags; templates, allowed networks and retention classes; and the
commands that users request.

Rows that history or audit may refer to are archived, never deleted. The name of an archived row can be
used again; its id, which history refers to, stays. The database enforces the rules of the classes by check constraints
and partial unique indexes, so that neither a race nor a script breaks them.
"""

from sealbus.web.devices.models.command import KIND_CHOICES, STATE_CHOICES, Command, CommandQuerySet
from sealbus.web.devices.models.connection import Connection
from sealbus.web.devices.models.device import Device
from sealbus.web.devices.models.site import AllowedNetwork, RetentionClass, SerialPattern
from sealbus.web.devices.models.tag import Tag
from sealbus.web.devices.models.template import Template

__all__ = [
    "KIND_CHOICES",
    "STATE_CHOICES",
    "AllowedNetwork",
    "Command",
    "CommandQuerySet",
    "Connection",
    "Device",
    "RetentionClass",
    "SerialPattern",
    "Tag",
    "Template",
]
