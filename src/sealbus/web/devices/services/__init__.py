"""Changes: each function checks the right and makes the change and its audit entry in one transaction.

The functions of `services.collector` are called by the collector process, and take and return structs of `plant`.
"""

from sealbus.web.devices.services.archiving import archive, archive_many, restore
from sealbus.web.devices.services.collector import (
    claim_commands,
    finish_command,
    note_progress,
    record_sent,
    recover_commands,
    withdrawn_commands,
)
from sealbus.web.devices.services.commands import (
    CommandRequest,
    request_commands,
    requests_to_read,
    withdraw_command,
)
from sealbus.web.devices.services.configuring import change, create
from sealbus.web.devices.services.discovery import make_sunspec_tags
from sealbus.web.devices.services.ending import expire_overdue
from sealbus.web.devices.services.import_slots import import_slot
from sealbus.web.devices.services.importing import import_rows, note_export
from sealbus.web.devices.services.site import change_setting, create_setting, delete_setting
from sealbus.web.devices.services.templates import (
    apply_template,
    archive_template,
    import_template,
    renew_shipped,
    tags_into,
)

__all__ = [
    "CommandRequest",
    "apply_template",
    "archive",
    "archive_many",
    "archive_template",
    "change",
    "change_setting",
    "claim_commands",
    "create",
    "create_setting",
    "delete_setting",
    "expire_overdue",
    "finish_command",
    "import_rows",
    "import_slot",
    "import_template",
    "make_sunspec_tags",
    "note_export",
    "note_progress",
    "record_sent",
    "recover_commands",
    "renew_shipped",
    "request_commands",
    "requests_to_read",
    "restore",
    "tags_into",
    "withdraw_command",
    "withdrawn_commands",
]
