"""Changes of accounts and rights. Each function takes the subject, checks the right, and records the change in the audit."""

from __future__ import annotations

from sealbus.web.accounts.services.assigning import assign, unassign
from sealbus.web.accounts.services.groups import (
    GROUP_CONTENTS,
    archive_group,
    change_group,
    create_group,
    hold_groups,
    restore_group,
)
from sealbus.web.accounts.services.links import (
    MadeLink,
    emergency_link,
    open_emergency,
    password_link,
    set_password,
    set_up,
    setup_link,
    setup_open,
)
from sealbus.web.accounts.services.passkeys import forget_credential, keep_credential
from sealbus.web.accounts.services.people import (
    UserChanges,
    change_user,
    create_user,
    deactivate_user,
    end_session,
    end_sessions,
    reset_second_factor,
)
from sealbus.web.accounts.services.provider_people import add_user_of_provider
from sealbus.web.accounts.services.refusals import flush_refusals, record_refusal
from sealbus.web.accounts.services.roles import RoleChanges, change_role, create_role, delete_role
from sealbus.web.accounts.services.tokens import IssuedToken, TokenRequest, issue_token, revoke_token
from sealbus.web.accounts.services.ways_in import end_password_links

__all__ = [
    "GROUP_CONTENTS",
    "IssuedToken",
    "MadeLink",
    "RoleChanges",
    "TokenRequest",
    "UserChanges",
    "add_user_of_provider",
    "archive_group",
    "assign",
    "change_group",
    "change_role",
    "change_user",
    "create_group",
    "create_role",
    "create_user",
    "deactivate_user",
    "delete_role",
    "emergency_link",
    "end_password_links",
    "end_session",
    "end_sessions",
    "flush_refusals",
    "forget_credential",
    "hold_groups",
    "issue_token",
    "keep_credential",
    "open_emergency",
    "password_link",
    "record_refusal",
    "reset_second_factor",
    "restore_group",
    "revoke_token",
    "set_password",
    "set_up",
    "setup_link",
    "setup_open",
    "unassign",
]
