"""The vectors of tests/vectors/protocol as values with types, and what decoded values look like in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

__all__ = ["Json", "Vector", "load", "meaning", "named"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Vector: TypeAlias = dict[str, Any]

_FOLDER: Final = Path(__file__).parents[2] / "vectors" / "protocol"


def load(name: str) -> list[Vector]:
    """The vectors of one file."""
    content: dict[str, list[Vector]] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content["vectors"]


def named(vector: Vector) -> str:
    """How a test is called that takes this vector."""
    if "name" in vector:
        return str(vector["name"])
    parts = (vector.get("kind"), vector.get("request", vector.get("type")), vector.get("answer"), vector.get("why"))
    return " ".join(str(part)[:24] for part in parts if part is not None)


def meaning(value: object) -> Json:
    """A decoded value as the vectors write it: bits as digits, bytes in hexadecimal, dataclasses as their fields."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, bool) for item in value):
            digits = "".join(str(int(item)) for item in value)
            return " ".join(digits[start : start + 8] for start in range(0, len(digits), 8))
        return [meaning(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): meaning(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: meaning(getattr(value, field.name)) for field in fields(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{value!r} is not in the vectors")
