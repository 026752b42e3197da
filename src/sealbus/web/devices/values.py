"""The small JSON columns: their types, sizes and stored forms. Each function returns the stored form, or raises ValueError
with what is wrong and what to write instead. All are bounded: a value is shown on every page and sent to every collector.

Rules about the numbers in them are those of `sealbus.plant`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sealbus.errors import LocalError
from sealbus.plant import MAX_SENTINELS
from sealbus.protocol import parse_place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["CHECKS", "SCHEMAS", "enumeration", "forbidden", "inputs", "sentinels"]

_MAX_LABELS = 256
_MAX_LABEL = 100
_MAX_PLACES = 100
_MAX_INPUTS = 32
_WHOLE = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def enumeration(value: Any) -> dict[str, str]:
    """Labels by number: {"0": "off"}."""
    if not isinstance(value, dict) or len(value) > _MAX_LABELS:
        raise ValueError(f'write up to {_MAX_LABELS} labels by number, such as {{"0": "off", "1": "on"}}')
    labels: dict[str, str] = {}
    for number, label in value.items():
        if not isinstance(number, str) or not _WHOLE.fullmatch(number):
            raise ValueError(f'"{number}" is not a whole number; write {{"0": "off", "1": "on"}}')
        if not isinstance(label, str) or not 0 < len(label) <= _MAX_LABEL or _UNSTORABLE.search(label):
            raise ValueError(f"the label of {number} is not a text; write 1 to {_MAX_LABEL} characters")
        if str(int(number)) in labels:
            raise ValueError(f"the number {int(number)} is there twice; write it once")
        labels[str(int(number))] = label
    return labels


def sentinels(value: Any) -> list[int | float]:
    """Raw values that mean "not available"."""
    if not isinstance(value, list) or len(value) > MAX_SENTINELS:
        raise ValueError(f"write up to {MAX_SENTINELS} numbers in a list, such as [32768, 65535]")
    for number in value:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError("one of them is not a number; write numbers such as [32768, 65535]")
    return value


def forbidden(value: Any) -> list[str]:
    """Places that are never read."""
    if not isinstance(value, list) or len(value) > _MAX_PLACES:
        raise ValueError(f'write up to {_MAX_PLACES} places in a list, such as ["holding:100-119"]')
    places = []
    for text in value:
        if not isinstance(text, str):
            raise ValueError('one of them is not a text; write places such as "holding:100-119"')
        try:
            places.append(str(parse_place(text)))
        except LocalError as error:
            raise ValueError(str(error)) from None
    return places


def inputs(value: Any) -> dict[str, int]:
    """Tag ids by the name that they have in an expression."""
    if not isinstance(value, dict) or len(value) > _MAX_INPUTS:
        raise ValueError(f'write up to {_MAX_INPUTS} inputs by name, such as {{"flow": 12}}')
    for name, tag_id in value.items():
        if not isinstance(name, str) or len(name) > _MAX_LABEL or _UNSTORABLE.search(name):
            raise ValueError("the name of an input is not valid; write letters, digits and _")
        if isinstance(tag_id, bool) or not isinstance(tag_id, int) or not 0 < tag_id < 2**63:
            raise ValueError(f"the input {name} is not the id of a tag; write a number")
    return value


CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "enumeration": enumeration,
    "sentinels": sentinels,
    "forbidden": forbidden,
    "inputs": inputs,
}
"""The function of each JSON column."""
SCHEMAS: Mapping[str, dict[str, Any]] = {
    "enumeration": {"type": "object", "additionalProperties": {"type": "string"}},
    "sentinels": {"type": "array", "items": {"type": "number"}},
    "forbidden": {"type": "array", "items": {"type": "string"}},
    "inputs": {"type": "object", "additionalProperties": {"type": ["integer", "null"]}},
}
"""The OpenAPI schema of each JSON column."""
