"""What an entry says besides who, what and when: the values before and after, and the rest of its detail."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from sealbus.web.pages.audit.wording import FIELDS
from sealbus.web.pages.values import DASH

if TYPE_CHECKING:
    from sealbus.web.audit.models import Entry

__all__ = ["Difference", "difference_of", "rest_of", "value_text"]

_LONGEST_LIST = 30


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, before and after; as text."""

    name: str
    old: str
    new: str

    @property
    def is_changed(self) -> bool:
        """Whether both are there and differ."""
        return self.old != self.new


def difference_of(entry: Entry) -> list[Difference]:
    """Every field of `old` and `new`, in the order in which they were stored."""
    detail = entry.detail if isinstance(entry.detail, dict) else {}
    old, new = _fields(detail.get("old")), _fields(detail.get("new"))
    return [
        Difference(name, _text(old, name), _text(new, name))
        for name in [*old, *(each for each in new if each not in old)]
    ]


def rest_of(entry: Entry) -> list[tuple[str, str]]:
    """The other members of the detail, in words where there are some."""
    detail = entry.detail if isinstance(entry.detail, dict) else {}
    return [
        (str(FIELDS.get(name, name)), value_text(value)) for name, value in detail.items() if name not in ("old", "new")
    ]


def value_text(value: Any) -> str:
    """A value of JSON for a reader."""
    match value:
        case None | "":
            return DASH
        case bool():
            return _("yes") if value else _("no")
        case str() | int() | float():
            return str(value)
        case list():
            shown = ", ".join(value_text(each) for each in value[:_LONGEST_LIST]) or DASH
            left = len(value) - _LONGEST_LIST
            return shown if left <= 0 else _("%(shown)s and %(count)s more") % {"shown": shown, "count": left}
        case dict():
            return ", ".join(f"{FIELDS.get(name, name)}: {value_text(each)}" for name, each in value.items()) or DASH
        case _:
            return json.dumps(value)


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {} if value is None else {_("value"): value}


def _text(fields: dict[str, Any], name: str) -> str:
    return value_text(fields[name]) if name in fields else ""
