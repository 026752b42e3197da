"""What is wrong with the tables and values of a gateway.toml, in the words of an operator.

Tables come first: a `[listener]` in single brackets or a `[[device]]` outside its listener makes other keys seem to be
missing, so it is reported before them.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealbus.document import Document, Path
    from sealbus.errors import ConfigError

__all__ = ["check_tables", "explain_value"]

_LISTS: Final = ("listener", "listener.device")
"""The tables that are written in double brackets."""

_WORDS: Final = {
    "str": "a text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list in [ ]",
    "object": "a table",
    "null": "nothing",
}
"""The type names of msgspec in the words of an operator."""

_BOUNDS: Final = {">=": "at least", ">": "greater than", "<=": "at most", "<": "less than"}


def check_tables(document: Document, keys: Mapping[str, Sequence[str]]) -> None:
    """Raise ConfigError for the first unknown key, and for a table in the wrong brackets or in the wrong place.

    `keys` are those of each table by its name: "" for the file itself, "listener.device".
    """
    _check_table(document, keys, "", (), document.values)


def _check_table(
    document: Document, keys: Mapping[str, Sequence[str]], name: str, path: Path, values: Mapping[str, Any]
) -> None:
    for key, value in values.items():
        at, inner = (*path, key), f"{name}.{key}" if name else key
        if key not in keys[name]:
            raise document.error(at, "unknown key", hint=_where_it_belongs(keys, name, key))
        if inner not in keys:
            continue
        if inner in _LISTS:
            if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
                problem = f"[{inner}] is a single table, and there can be several"
                raise document.error(at, problem, hint=f"write [[{inner}]], in double brackets")
            for number, each in enumerate(value):
                _check_table(document, keys, inner, (*at, number), each)
        elif isinstance(value, list):
            raise document.error(
                at, f"[[{inner}]] is a list, and there is only one", hint=f"write [{inner}], in single brackets"
            )
        elif isinstance(value, dict):
            _check_table(document, keys, inner, at, value)


def _where_it_belongs(keys: Mapping[str, Sequence[str]], name: str, key: str) -> str:
    if near := get_close_matches(key, keys[name], 1):
        return f"did you mean {near[0]}?"
    for other in keys:
        above, _, last = other.rpartition(".")
        if last == key:
            return f"write {_header(other)}" + (f", below the {_header(above)} that it belongs to" if above else "")
    for other, known in keys.items():
        if key in known and other:
            return f"it belongs to {_header(other)}"
    return f"remove it; the keys here are {', '.join(keys[name])}"


def _header(name: str) -> str:
    return f"[[{name}]]" if name in _LISTS else f"[{name}]"


def explain_value(document: Document, message: str) -> ConfigError:
    """The error of msgspec about a value, with file, line and key, and with what to write."""
    problem, _, path_text = message.partition(" - at ")
    path: list[str | int] = [
        int(part[1:-1]) if part.startswith("[") else part.lstrip(".")
        for part in re.findall(r"\.[^.\[\]`]+|\[\d+\]", path_text)
    ]
    if missing := re.search(r"missing required field `([^`]*)`", problem):
        return _missing(document, path, missing[1])
    if wrong := re.fullmatch(r"Expected `([^`]*)`, got `([^`]*)`", problem):
        needed = " or ".join(_WORDS.get(each, each) for each in wrong[1].split(" | "))
        got = "a number with a decimal point" if wrong[2] == "float" else _WORDS.get(wrong[2], wrong[2])
        return document.error(tuple(path), f"{got} is not allowed here", hint=f"write {needed}")
    if bound := re.fullmatch(r"Expected `(\w+)` (of length )?(>=|>|<=|<) (\S+)", problem):
        what, limit = _WORDS.get(bound[1], bound[1]), f"{_BOUNDS[bound[3]]} {bound[4]}"
        wanted = f"{what} of length {limit}" if bound[2] else f"{what}, {limit}"
        return document.error(tuple(path), "the value is out of range", hint=f"write {wanted}")
    return document.error(
        tuple(path), problem[:1].lower() + problem[1:], hint="docs/gateway.md lists the values of each key"
    )


def _missing(document: Document, path: Sequence[str | int], key: str) -> ConfigError:
    name = ".".join(str(part) for part in (*path, key) if not isinstance(part, int))
    hint = f"add a {_header(name)} with its url" if name in _LISTS else f"add {key} = ..."
    return document.error(tuple(path), f"{key} is missing", hint=hint)
