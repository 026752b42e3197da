"""What changes something: each function checks the right, does it in one transaction, and leaves an audit record in it.

`claim_orders`, `progress`, `finish`, `recover_orders` are for the collector, which `cli` joins with this side; they take
and give plain values.
"""

from sealbus.web.devices.services.archiving import archive, restore
from sealbus.web.devices.services.configuring import change, create, groups_touched
from sealbus.web.devices.services.site import change_setting, create_setting, delete_setting

__all__ = [
    "archive",
    "change",
    "change_setting",
    "create",
    "create_setting",
    "delete_setting",
    "groups_touched",
    "restore",
]
