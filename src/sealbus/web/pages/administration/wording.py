"""The words of the administration: actions, second factors, what was done, and what to do about a problem of a part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ACTIONS", "DONE", "FACTORS", "PARTS", "browser_text"]

ACTIONS: Mapping[str, tuple[object, object]] = {
    "view": (_("view"), _("See devices, tags, live values and history.")),
    "acknowledge": (_("acknowledge"), _("Acknowledge and shelve alarms.")),
    "write": (_("write"), _("Write to devices, and read from them outside the schedule.")),
    "configure": (_("configure"), _("Change connections, devices and tags; test and scan.")),
    "administer": (
        _("administer"),
        _(
            "Change people, roles, groups, other people's tokens, networks. Counts only where it is given in all groups."
        ),
    ),
    "audit": (_("audit"), _("Read, check and export the audit. Counts only where it is given in all groups.")),
}
"""By `Action`: its name and what it allows."""
FACTORS: Mapping[str, object] = {
    "totp": _("authenticator app"),
    "webauthn": _("passkey or security key"),
    "recovery_codes": _("recovery codes"),
}
DONE: Mapping[str, object] = {
    "made": _("Made."),
    "saved": _("Saved."),
    "removed": _("Removed."),
    "off": _("Switched off. The open sessions, tokens and links have ended."),
    "on": _("Switched on. Earlier sessions, tokens and links do not come back."),
    "ended": _("Ended."),
    "reset": _("The second factors are removed, and the sessions, tokens and links have ended."),
    "given": _("The role is given. It counts from the next request on."),
    "taken": _("The role is taken away. It counts from the next request on."),
    "archived": _("Archived. It is kept, and can be restored."),
    "restored": _("Restored."),
    "revoked": _("Revoked. Programs that use this token are refused from now on."),
}
"""By the value of `?done=` after a change."""
PARTS: Mapping[str, tuple[object, object]] = {
    "database": (
        _("Database"),
        _("Look whether the database server runs and accepts this site. After an update, run “sealbus web migrate”."),
    ),
    "audit": (
        _("Audit"),
        _("Open the state of the chain and check it. Keep a copy of the database before you change anything."),
    ),
    "bus": (
        _("Bus"),
        _(
            "Live values do not arrive. With Redis: look whether it runs and is reachable. Else restart web and collector."
        ),
    ),
    "collector": (
        _("Collector"),
        _("Nothing is polled. Start the process “sealbus collect”, and read its log if it ends again."),
    ),
    "history": (
        _("History"),
        _(
            "Samples wait on the disk of the collector. Bring the history store back; they are stored then, nothing is lost."
        ),
    ),
    "disk": (
        _("Disk"),
        _("Free space in the state folder, or move it to a larger disk. Without space the gateway refuses writes."),
    ),
    "bus messages": (
        _("Messages of the bus"),
        _("Messages were refused because they are not of this site. Look who can write to the bus, and at the clocks."),
    ),
    "lost samples": (
        _("Lost samples"),
        _(
            "These samples are not in history and never will be. Look at the disk of the collector, and give the spool room."
        ),
    ),
    "records": (
        _("Records of gateways"),
        _("The audit lacks what this gateway recorded. Look whether its record folder can be read by the collector."),
    ),
    "syslog": (
        _("Forwarding to syslog"),
        _(
            "Entries wait in the audit until the other machine accepts them. Look whether it runs, and at its certificate."
        ),
    ),
}
"""By the name of a part of health: what it is, and what to do about a problem of it."""

_BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl"))
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)  # fmt: skip


def browser_text(user_agent: str) -> str:
    """The name of a browser and of its system, as far as they can be told; else the beginning of what it sent."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return ", ".join(filter(None, (browser, system))) or user_agent[:40]
