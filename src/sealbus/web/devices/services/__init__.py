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
from sealbus.web.devices.services.configuring import change, create
from sealbus.web.devices.services.discovery import make_sunspec_tags
from sealbus.web.devices.services.importing import import_rows, note_export
from sealbus.web.devices.services.orders import Wish, cancel_order, request_orders
from sealbus.web.devices.services.site import change_setting, create_setting, delete_setting
from sealbus.web.devices.services.templates import apply_template, archive_template, import_template, renew_shipped

__all__ = [
    "Wish",
    "apply_template",
    "archive",
    "archive_template",
    "cancel_order",
    "cancelled_orders",
    "change",
    "change_setting",
    "claim_orders",
    "create",
    "create_setting",
    "delete_setting",
    "finish",
    "import_rows",
    "import_template",
    "make_sunspec_tags",
    "note_export",
    "progress",
    "recover_orders",
    "renew_shipped",
    "request_orders",
    "restore",
]
