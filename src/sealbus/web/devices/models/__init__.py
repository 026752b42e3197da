"""What is configured: connections, devices and their tags; and what surrounds them: templates, allowed networks,
retention classes, and the commands that users request.

Nothing of it is ever deleted while history or audit may speak of it: it is archived (DESIGN rule 10). An archived row
gives its name free; its id, which history knows, stays. The database holds what the classes claim, by check
constraints and partial unique indexes, so that neither a race nor a script gets past them.
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
