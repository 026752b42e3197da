"""What changes something: each function checks the right, does it in one transaction, and leaves an audit record in it.

`claim_commands`, `progress`, `finish`, `recover_commands` are for the collector, which `cli` joins with this side; they take
and give plain values.
"""

from sealbus.web.devices.services.archiving import archive, restore
from sealbus.web.devices.services.collector import (
    claim_commands,
    finish,
    progress,
    recover_commands,
    withdrawn_commands,
)
from sealbus.web.devices.services.commands import CommandRequest, request_commands, withdraw_command
from sealbus.web.devices.services.configuring import change, create, groups_touched
from sealbus.web.devices.services.discovery import make_sunspec_tags
from sealbus.web.devices.services.importing import import_rows, note_export
from sealbus.web.devices.services.site import change_setting, create_setting, delete_setting
from sealbus.web.devices.services.templates import apply_template, archive_template, import_template, renew_shipped

__all__ = [
    "CommandRequest",
    "apply_template",
    "archive",
    "archive_template",
    "change",
    "change_setting",
    "claim_commands",
    "create",
    "create_setting",
    "delete_setting",
    "finish",
    "groups_touched",
    "import_rows",
    "import_template",
    "make_sunspec_tags",
    "note_export",
    "progress",
    "recover_commands",
    "renew_shipped",
    "request_commands",
    "restore",
    "withdraw_command",
    "withdrawn_commands",
]
