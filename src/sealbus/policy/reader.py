"""From the text of policy.toml to a Policy, or to its errors.

The reader continues after an error, so that `sealbus policy check` lists all of them; a text with any error gives no
policy. Nothing is guessed, rounded or trimmed: an unknown key is an error, because a misspelt limit would otherwise be
no limit.
"""

from __future__ import annotations

import math
import struct
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sealbus.document import Document, Path, parse_document
from sealbus.errors import ConfigError
from sealbus.policy.checksum import check_checksum
from sealbus.policy.functions import parse_function
from sealbus.policy.grammar import parse_read, parse_units, parse_write
from sealbus.policy.policy import Policy
from sealbus.policy.rules import Limit, Role, Rule
from sealbus.protocol import FLOAT_TYPES, Table, ValueType, WordOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sealbus.protocol import Place

__all__ = ["parse_policy", "policy_errors"]

_T = TypeVar("_T")

_RULE_KEYS: Final = ("units", "read", "write", "min", "max", "type", "order", "functions")
_ROLE_KEYS: Final = ("name", "description", "allow")
_BOUNDS: Final[dict[ValueType, tuple[int, int]]] = {
    ValueType.UINT16: (0, 2**16 - 1),
    ValueType.INT16: (-(2**15), 2**15 - 1),
    ValueType.UINT32: (0, 2**32 - 1),
    ValueType.INT32: (-(2**31), 2**31 - 1),
    ValueType.UINT64: (0, 2**64 - 1),
    ValueType.INT64: (-(2**63), 2**63 - 1),
}
_TYPES: Final = (*_BOUNDS, *FLOAT_TYPES)


def parse_policy(text: str, *, file: str) -> Policy:
    """Parse a policy. Raises ConfigError with file, line, key and hint for the first error."""
    reader = _Reader(text, file)
    for error in reader.errors_by_line():
        raise error
    return Policy(reader.roles, file=file)


def policy_errors(text: str, *, file: str) -> list[ConfigError]:
    """All errors in `text`, by line. Without errors `parse_policy` returns a policy."""
    return _Reader(text, file).errors_by_line()


class _Reader:
    """One pass over a document; collects `errors` and `roles`."""

    def __init__(self, text: str, file: str) -> None:
        self.errors: list[ConfigError] = []
        self.roles: list[Role] = []
        self._document = Document(file=file, values={}, lines={})
        try:
            check_checksum(text, file=file)
            self._document = parse_document(text, file=file)
        except ConfigError as error:
            self.errors.append(error)
            return
        self._read_document()

    def errors_by_line(self) -> list[ConfigError]:
        return sorted(self.errors, key=lambda error: error.line or 0)

    def _read_document(self) -> None:
        if _has_oversized_number(self._document.values):
            self._wrong((), "a number has more than 64 bits", "write a number of at most 64 bits")
            return
        self._known_keys(self._document.values, ("role",), ())
        first: dict[str, int | None] = {}
        for index, table in enumerate(self._tables(self._document.values, "role", ())):
            path: Path = ("role", index)
            role = self._read_role(table, path)
            if role is None:
                continue
            if role.name in first:
                problem = f"the role {role.name!r} is defined twice, first on line {first[role.name]}"
                self._wrong((*path, "name"), problem, "put all its allow blocks under one [[role]]")
                continue
            first[role.name] = role.line
            self.roles.append(role)

    def _read_role(self, table: Mapping[str, Any], path: Path) -> Role | None:
        meant = self._known_keys(table, _ROLE_KEYS, path)
        name = table.get("name")
        description = table.get("description", "")
        if "name" not in table and "name" not in meant:
            self._wrong(path, "a role needs a name", 'write name = "..." as in the certificate; "" is the NULL role')
        elif "name" in table and not isinstance(name, str):
            self._wrong(
                (*path, "name"), f"{_shown(name)} is not a text", "put it in quotes, exactly as in the certificate"
            )
        if not isinstance(description, str):
            self._wrong((*path, "description"), f"{_shown(description)} is not a text", "put it in quotes")
        shown = name if isinstance(name, str) else ""
        blocks = enumerate(self._tables(table, "allow", path))
        rules = [self._read_rule(block, (*path, "allow", index), shown) for index, block in blocks]
        if not isinstance(name, str):
            return None
        line = self._document.line(path)
        return Role(name, str(description), line, tuple(rule for rule in rules if rule is not None))

    def _read_rule(self, block: Mapping[str, Any], path: Path, role: str) -> Rule | None:
        errors_before = len(self.errors)
        meant = self._known_keys(block, _RULE_KEYS, path)
        units: tuple[int, ...] = ()
        if "units" in block:
            units = self._parsed(parse_units, block["units"], (*path, "units")) or ()
        elif "units" not in meant:
            self._wrong(path, "the rule names no units", 'write units = "1-10"')
        reads = self._list(parse_read, block, "read", path)
        writes = self._list(parse_write, block, "write", path)
        functions = self._list(parse_function, block, "functions", path)
        if not (block.keys() | meant) & {"read", "write", "functions"}:
            self._wrong(path, "the rule grants nothing", "add read, write or functions")
        limit = self._read_limit(block, path, writes)
        if len(self.errors) > errors_before:
            return None
        number = int(path[-1]) + 1
        where = (self._document.file, self._document.line(path))
        return Rule(role, number, *where, units, reads, writes, limit, functions)

    def _read_limit(self, block: Mapping[str, Any], path: Path, writes: Sequence[Place]) -> Limit | None:
        given = [key for key in ("min", "max", "type", "order") if key in block]
        if not given:
            return None
        at: Path = (*path, given[0])
        if "min" not in block and "max" not in block:
            self._wrong(at, f"{given[0]} without min or max limits nothing", f"add min or max, or remove {given[0]}")
            return None
        if "write" not in block:
            self._wrong(at, "a limit needs a write", 'add write = ["holding:..."], or remove the limit')
            return None
        if any(place.table is Table.COILS for place in writes):
            self._wrong(at, "coils cannot have limits", "move the coils to an allow block of their own, without limits")
        type_ = self._choice(block, "type", path, {str(type_): type_ for type_ in _TYPES}, ValueType.UINT16)
        order = self._choice(block, "order", path, {str(order): order for order in WordOrder}, WordOrder.ABCD)
        if type_ is None or order is None:
            return None
        self._whole_values(writes, type_, path)
        minimum, maximum = (self._bound(block, key, type_, path) for key in ("min", "max"))
        if minimum is not None and maximum is not None and minimum > maximum:
            self._wrong((*path, "min"), f"min {block['min']} is above max {block['max']}", "swap them")
        return Limit(minimum, maximum, type_, order)

    def _whole_values(self, writes: Sequence[Place], type_: ValueType, path: Path) -> None:
        width = type_.registers or 1
        for place in writes:
            if place.table is Table.HOLDING and place.count % width:
                last = place.address + max(place.count // width, 1) * width - 1
                problem = f"{place} has {place.count} registers, and a {type_} takes {width}"
                self._wrong((*path, "write"), problem, f"whole values are, for example, holding:{place.address}-{last}")

    def _bound(self, block: Mapping[str, Any], key: str, type_: ValueType, path: Path) -> int | float | None:
        value = block.get(key)
        at: Path = (*path, key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            hint = "write it without quotes" if isinstance(value, str) else "write a number"
            self._wrong(at, f"{_shown(value)} is not a number", hint)
        elif isinstance(value, float) and not math.isfinite(value):
            self._wrong(at, f"{value} is not a limit", f"leave {key} out if that side is open")
        elif type_ in _BOUNDS:
            low, high = _BOUNDS[type_]
            if low <= value <= high:
                return value
            fitting = [str(other) for other, (least, most) in _BOUNDS.items() if least <= value <= most]
            hint = (
                f"name the type of the value, such as {' or '.join(fitting[:3])}"
                if fitting
                else "write a smaller number"
            )
            self._wrong(at, f"{value} is outside {type_}, {low} to {high}", hint)
        else:
            return self._parsed(_as_float32 if type_ is ValueType.FLOAT32 else float, value, at)
        return None

    def _tables(self, table: Mapping[str, Any], key: str, path: Path) -> list[Mapping[str, Any]]:
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return value
        header = "[[role]]" if key == "role" else "[[role.allow]]"
        if key == "role" and isinstance(value, dict) and value.keys() == {"allow"}:
            hint = 'begin the role with [[role]] and its name = "...", above its rules'
            self._wrong((key, "allow"), "a rule stands above the first role", hint)
            return []
        single = f"[{header[1:-1].strip('[]')}] is a single table, and there can be several"
        problem = single if isinstance(value, dict) else f"{key} is not a list of tables"
        self._wrong((*path, key), problem, f"begin each with {header}, in double brackets")
        return []

    def _list(self, parse: Callable[[object], _T], block: Mapping[str, Any], key: str, path: Path) -> tuple[_T, ...]:
        entries = block.get(key, [])
        at: Path = (*path, key)
        if not isinstance(entries, list):
            self._wrong(at, f"{_shown(entries)} is not a list", f"put it in brackets: {key} = [...]")
            return ()
        parsed = [self._parsed(parse, entry, at) for entry in entries]
        return tuple(value for value in parsed if value is not None)

    def _choice(
        self, block: Mapping[str, Any], key: str, path: Path, choices: Mapping[str, _T], default: _T
    ) -> _T | None:
        if key not in block:
            return default
        value = block[key]
        if isinstance(value, str) and value in choices:
            return choices[value]
        folded = {choice.lower(): choice for choice in choices}
        close = get_close_matches(value.strip().lower(), folded, n=1, cutoff=0.5) if isinstance(value, str) else []
        hint = f'did you mean "{folded[close[0]]}"?' if close else f"give one of {', '.join(choices)}"
        self._wrong((*path, key), f"{_shown(value)} is not a valid {key} of a limit", hint)
        return None

    def _known_keys(self, table: Mapping[str, Any], known: Sequence[str], path: Path) -> set[str]:
        """Report unknown keys. Returns the keys probably meant, which are then not reported as missing."""
        meant: set[str] = set()
        for key in [key for key in table if key not in known]:
            close = get_close_matches(key.lower(), known, n=1, cutoff=0.5)
            hint = f"did you mean `{close[0]}`?" if close else _where_it_belongs(key, known)
            self._wrong((*path, key), "this key is not known", hint)
            meant.update(close)
        return meant

    def _parsed(self, parse: Callable[[Any], _T], value: Any, path: Path) -> _T | None:
        try:
            return parse(value)
        except ConfigError as error:
            self._wrong(path, error.problem, error.hint)
            return None

    def _wrong(self, path: Path, problem: str, hint: str) -> None:
        self.errors.append(self._document.error(path, problem, hint=hint))


def _where_it_belongs(key: str, known: Sequence[str]) -> str:
    if key == "allow":
        return "write [[role.allow]], below the [[role]] that it belongs to"
    for header, keys in (("[[role]]", _ROLE_KEYS), ("[[role.allow]]", _RULE_KEYS)):
        if key in keys:
            return f"it belongs below {header}"
    return f"the keys here are {', '.join(known)}"


def _as_float32(value: float) -> float:
    """The float32 nearest to the limit, so that a limit of 0.1 equals a written value of 0.1."""
    try:
        (nearest,) = struct.unpack(">f", struct.pack(">f", value))
    except OverflowError:
        raise ConfigError(
            f"{value} is outside float32", hint='use type = "float64", or write a smaller number'
        ) from None
    return float(nearest)


def _has_oversized_number(value: object) -> bool:
    """Whether an integer exceeds 64 bits. TOML forbids this; `tomllib` accepts it."""
    if isinstance(value, dict):
        return any(_has_oversized_number(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_oversized_number(item) for item in value)
    return isinstance(value, int) and not -(2**63) <= value < 2**64  # up to the limits of a uint64


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
