"""An entry as a syslog message (RFC 5424), framed for a stream as in RFC 5425: its length in octets, a space, the message.

    <110>1 2025-03-01T12:00:00.000000Z HOST sealbus - session.login [sealbus@32473 sequence="7" hash="..." ...] BOM{...}

Facility 13 is the log audit. Severity is 6 for an action that was done, 4 for one that was refused, failed or is unknown.
The structured data has the members of the entry except `detail`, which is the message, as JSON. 32473 is the enterprise
number that RFC 5612 reserves for examples.
"""

from __future__ import annotations

import json
import re
from datetime import UTC
from typing import TYPE_CHECKING

from sealbus.web.audit.models import Result

if TYPE_CHECKING:
    from sealbus.web.audit.models import Entry

__all__ = ["frame", "render_message"]

_FACILITY = 13
_INFORMATIONAL, _WARNING = 6, 4
_MAX_MESSAGE_ID = 32
_MAX_HOST = 255
_MAX_DETAIL = 6_000
_BOM = "\ufeff"
_NOT_PRINTABLE_ASCII = re.compile(r"[^\x21-\x7e]")
_ESCAPED = re.compile(r'(["\\\]])')
_PARAMETERS = (
    "sequence",
    "hash",
    "actor_kind",
    "actor_name",
    "address",
    "target_kind",
    "target_id",
    "target_name",
    "result",
)


def render_message(entry: Entry, host: str) -> bytes:
    """The message of an entry."""
    severity = _INFORMATIONAL if entry.result == Result.DONE else _WARNING
    time = entry.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    data = " ".join(f'{name}="{_escape(str(getattr(entry, name)))}"' for name in _PARAMETERS)
    detail = json.dumps(entry.detail, ensure_ascii=False, separators=(",", ":"))
    detail = "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in detail)[:_MAX_DETAIL]
    names = f"{_word(host, _MAX_HOST)} sealbus - {_word(entry.action, _MAX_MESSAGE_ID)}"
    header = f"<{_FACILITY * 8 + severity}>1 {time} {names}"
    return f"{header} [sealbus@32473 {data}] {_BOM}{detail}".encode("utf-8", "replace")


def frame(message: bytes) -> bytes:
    """The message with its length."""
    return b"%d %b" % (len(message), message)


def _word(text: str, longest: int) -> str:
    return _NOT_PRINTABLE_ASCII.sub("?", text)[:longest] or "-"


def _escape(text: str) -> str:
    """Escape characters that would end the value or the line."""
    printable = "".join(each if each.isprintable() else f"?u{ord(each):04x}" for each in text)
    return _ESCAPED.sub(r"\\\1", printable)
