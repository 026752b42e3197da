"""The fields of a form: how a column is typed, and what the serializer of the API gets of it. Pure.

Lists and mappings are typed as people write them: "holding:100-119, holding:200" and "0 = off" a line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from sealbus.web.errors import Invalid
from sealbus.web.http.field_help import help_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Kind", "Section", "Typed", "members_typed", "text_of", "texts_of"]


class Kind(StrEnum):
    """How a field is typed."""

    TEXT = "text"
    AREA = "area"
    NUMBER = "number"
    TICK = "tick"
    CHOICE = "select"
    ROW = "row"
    """A choice of a row by its id; empty is none."""
    LIST = "list"
    NUMBERS = "numbers"
    PAIRS = "pairs"


_LARGE = 1e15
_SHOWN_AS = {Kind.NUMBER: "text", Kind.ROW: "select", Kind.LIST: "text", Kind.NUMBERS: "text", Kind.PAIRS: "area"}


@dataclass(frozen=True, slots=True)
class Typed:
    """One field. `schema` is where the API explains it; `hint` in its place, where a page says it better."""

    name: str
    label: object
    kind: Kind = Kind.TEXT
    hint: object = ""
    unit: object = ""
    choices: Sequence[tuple[Any, object]] = field(default=())
    required: bool = False
    schema: str = ""
    placeholder: str = ""

    @property
    def shown_as(self) -> str:
        """The kind of the template."""
        return _SHOWN_AS.get(self.kind, self.kind.value)

    @property
    def mode(self) -> str:
        """The keyboard of a phone."""
        return "decimal" if self.kind is Kind.NUMBER else ""

    @property
    def help(self) -> str:
        """The sentence below the field."""
        return str(self.hint or _(help_of(self.schema, self.name)) if (self.hint or self.schema) else "")


@dataclass(frozen=True, slots=True)
class Section:
    """Fields under one heading. `is_open` false: folded away at first."""

    title: object
    fields: tuple[Typed, ...]
    is_open: bool = True


def members_typed(fields: Sequence[Typed], given: Mapping[str, Any]) -> dict[str, Any]:
    """The members for the serializer. Raises Invalid for what is no list, no pair or no number."""
    members: dict[str, Any] = {}
    problems: dict[str, list[str]] = {}
    for each in fields:
        try:
            members[each.name] = _member(each, str(given.get(each.name, "")))
        except ValueError as error:
            problems[each.name] = [str(error)]
    if problems:
        raise Invalid(problems)
    return members


def _member(field: Typed, text: str) -> Any:
    if field.kind is Kind.TICK:
        return text == "true"
    if field.kind in (Kind.TEXT, Kind.AREA, Kind.CHOICE):
        return text.replace("\r\n", "\n") if field.kind is Kind.AREA else text
    text = text.strip()
    if field.kind is Kind.ROW:
        return text or None
    if field.kind is Kind.NUMBER:
        return _number(text) if text else None
    if field.kind is Kind.PAIRS:
        return dict(_pair(line) for line in text.splitlines() if line.strip())
    parts = [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]
    return parts if field.kind is Kind.LIST else [_raw_number(part) for part in parts]


def _number(text: str) -> str:
    """As the serializer reads it: with a point, and the sign that a keyboard has."""
    plain = text.replace("\u2212", "-")
    return plain.replace(",", ".") if plain.count(",") == 1 and "." not in plain else plain


def _raw_number(text: str) -> int | float:
    try:
        return int(text, 0) if "." not in text else float(text)
    except ValueError:
        raise ValueError(_('"{text}" is not a number; write numbers such as 32768, 0xFFFF').format(text=text)) from None


def _pair(line: str) -> tuple[str, Any]:
    name, found, value = (part.strip() for part in line.partition("="))
    if not found or not name:
        raise ValueError(_('"{line}" is not a pair; write "0 = off", one a line').format(line=line.strip()[:40]))
    return name, value


def texts_of(fields: Sequence[Typed], row: Any) -> dict[str, Any]:
    """What the fields show of a row."""
    return {each.name: text_of(each, getattr(row, each.name, None)) for each in fields}


def text_of(field: Typed, value: Any) -> Any:
    """What a field shows of a value of its column."""
    if field.kind is Kind.TICK:
        return bool(value)
    if field.kind is Kind.ROW:
        return getattr(value, "pk", value)
    if value is None:
        return ""
    if field.kind is Kind.PAIRS:
        return "\n".join(f"{name} = {label}" for name, label in value.items())
    if field.kind in (Kind.LIST, Kind.NUMBERS):
        return ", ".join(map(str, value))
    if field.kind is Kind.NUMBER:
        return repr(int(value)) if float(value).is_integer() and abs(value) < _LARGE else repr(value)
    return value
