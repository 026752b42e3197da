"""The words for the entries of the audit. An action that is not known here is shown as it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FAMILIES", "FIELDS", "KINDS", "OBJECTS", "RESULTS", "action_text"]

RESULTS: Mapping[str, object] = {
    "done": _("done"),
    "refused": _("refused"),
    "failed": _("failed"),
    "unknown": _("unknown"),
}
KINDS: Mapping[str, object] = {
    "user": _("person"),
    "token": _("token"),
    "gateway": _("gateway"),
    "system": _("the site itself"),
    "emergency": _("emergency view"),
    "nobody": _("not signed in"),
}
"""By `actor_kind`: where an entry comes from."""
OBJECTS: Mapping[str, object] = {
    "connection": _("connection"),
    "connections": _("connections"),
    "device": _("device"),
    "devices": _("devices"),
    "tag": _("tag"),
    "tags": _("tags"),
    "template": _("template"),
    "user": _("person"),
    "role": _("role"),
    "group": _("group"),
    "token": _("token"),
    "audit": _("audit"),
    "allowed-network": _("allowed network"),
    "serial-pattern": _("serial pattern"),
    "retention-class": _("retention class"),
    "gateway-record": _("record of a gateway"),
}
"""By `target_kind`."""
_DEEDS: Mapping[str, object] = {
    "create": _("made"),
    "change": _("changed"),
    "archive": _("archived"),
    "restore": _("restored"),
    "delete": _("deleted"),
    "import": _("imported"),
    "export": _("exported"),
    "revoke": _("revoked"),
    "request": _("requested"),
    "withdraw": _("withdrawn"),
    "send": _("sent"),
    "finish": _("ended"),
}
FAMILIES: Mapping[str, object] = {
    "access": _("access"),
    "audit": _("audit"),
    "connection": _("connection"),
    "device": _("device"),
    "tag": _("tag"),
    "template": _("template"),
    "history": _("history"),
    "user": _("person"),
    "role": _("role"),
    "group": _("group"),
    "token": _("token"),
    "session": _("session"),
    "password": _("password"),
    "second-factor": _("second factor"),
    "setup": _("first start"),
    "emergency": _("emergency view"),
    "gateway": _("gateway"),
    "allowed-network": _("allowed network"),
    "serial-pattern": _("serial pattern"),
    "retention-class": _("retention class"),
    "read": _("read now"),
    "write": _("write"),
    "test": _("test of a connection"),
    "scan_units": _("scan for units"),
    "scan_registers": _("scan for registers"),
    "sunspec": _("SunSpec discovery"),
}
"""By the first word of an action."""
_WHOLE: Mapping[str, object] = {
    "access.refused": _("access refused"),
    "session.login": _("signed in"),
    "session.logout": _("signed out"),
    "session.end": _("session ended"),
    "session.locked": _("sign-in locked"),
    "session.single-sign-on": _("signed in by single sign-on"),
    "password.set": _("password set by link"),
    "password.change": _("password changed"),
    "password.link": _("password link made"),
    "password.open": _("password link opened"),
    "second-factor.add": _("second factor added"),
    "second-factor.remove": _("second factor removed"),
    "second-factor.renew": _("recovery codes renewed"),
    "second-factor.use": _("second factor used"),
    "second-factor.reset": _("second factor reset"),
    "role.assign": _("role given"),
    "role.unassign": _("role taken away"),
    "setup.link": _("set-up link made"),
    "setup.open": _("set-up link opened"),
    "setup.done": _("site set up"),
    "emergency.link": _("emergency link made"),
    "emergency.open": _("emergency view opened"),
    "audit.export": _("audit exported"),
    "history.export": _("history exported"),
    "gateway.started": _("gateway started"),
    "gateway.stopped": _("gateway stopped"),
    "gateway.denied": _("request denied by the policy"),
    "gateway.write_requested": _("write requested through the gateway"),
    "gateway.write_outcome": _("write ended at the gateway"),
    "gateway.handshake_failed": _("TLS handshake failed"),
    "gateway.refused_connection": _("connection refused by the gateway"),
    "gateway.reloaded": _("gateway loaded its files again"),
    "gateway.reload_failed": _("gateway could not load its files"),
    "gateway.entitlement_lost": _("rights of an open session lost"),
    "gateway.records_lost": _("records of the gateway lost"),
    "gateway.unreadable": _("unreadable record of a gateway"),
    "gateway.chain_broken": _("record chain of a gateway broken"),
    "gateway.chain_continues": _("record chain of a gateway continues"),
    "gateway.gap": _("gap in the record of a gateway"),
    "gateway.replaced": _("record of a gateway replaced"),
    "gateway.rewound": _("record of a gateway went back"),
}
FIELDS: Mapping[str, object] = {
    "reason": _("reason"),
    "command": _("command"),
    "state": _("state"),
    "ended": _("ended with it"),
    "expires_at": _("valid until"),
    "at": _("time at the gateway"),
    "by": _("by"),
    "method": _("method"),
    "route": _("route"),
    "path": _("path"),
    "more": _("further refusals in that minute"),
    "minute": _("minute"),
    "file": _("file"),
    "filter": _("filter"),
    "created": _("new"),
    "changed": _("changed"),
    "names": _("names"),
    "fields": _("fields"),
    "rule": _("rule"),
    "unit": _("unit"),
    "function": _("function"),
    "address": _("address"),
    "count": _("count"),
    "values": _("values"),
    "role": _("role"),
    "peer": _("peer"),
    "kind": _("kind"),
}
"""By member of `detail`."""


def action_text(action: str) -> str:
    """The action in words."""
    whole = _WHOLE.get(action)
    if whole is not None:
        return str(whole)
    family, _dot, deed = action.partition(".")
    if family in FAMILIES and deed in _DEEDS:
        return f"{FAMILIES[family]} {_DEEDS[deed]}"
    return action
