"""What changes something: each function checks the right, does it in one transaction, and leaves an audit record in it.

`claim_orders`, `progress`, `finish`, `recover_orders` are for the collector, which `cli` joins with this side; they take
and give plain values.
"""

from sealbus.web.devices.services.archiving import archive, restore
from sealbus.web.devices.services.collector import (
    cancelled_orders,
    claim_orders,
    finish,
    progress,
    recover_orders,
)
from sealbus.web.devices.services.configuring import change, create, groups_touched
from sealbus.web.devices.services.importing import import_rows, note_export
from sealbus.web.devices.services.orders import Wish, cancel_order, request_orders
from sealbus.web.devices.services.site import change_setting, create_setting, delete_setting

__all__ = [
    "Wish",
    "archive",
    "cancel_order",
    "cancelled_orders",
    "change",
    "change_setting",
    "claim_orders",
    "create",
    "create_setting",
    "delete_setting",
    "finish",
    "groups_touched",
    "import_rows",
    "note_export",
    "progress",
    "recover_orders",
    "request_orders",
    "restore",
]
