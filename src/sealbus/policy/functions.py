"""How a policy names functions that are neither a plain read nor a plain write.

`functions = [...]` names functions whose effect depends on the device; they are denied unless named:

| entry                           | function                                                                |
| ------------------------------- | ----------------------------------------------------------------------- |
| `"read-exception-status"` or 7  | 7                                                                       |
| `"diagnostics:0-2"`             | 8, these sub-functions                                                  |
| `"get-comm-event-counter"`, 11  | 11                                                                      |
| `"get-comm-event-log"` or 12    | 12                                                                      |
| `"report-server-id"` or 17      | 17                                                                      |
| `"read-file-record:1-4"`        | 20, these files                                                         |
| `"write-file-record:1"`         | 21, these files                                                         |
| `"read-fifo-queue:1246"`        | 24, the queue whose count stands at this address                        |
| `"canopen"`                     | 43 with MEI type 13                                                     |
| `"read-device-identification"`  | 43 with MEI type 14                                                     |
| `"encapsulated-interface:200"`  | 43 with these MEI types                                                 |
| 1 to 127                        | any other function code, with any content                               |

A function with parts is granted by parts: `"diagnostics"` alone would include restarting a device and switching it to
listen-only mode. The functions that read and write tables are granted by `read` and `write`, not here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from sealbus.errors import ConfigError
from sealbus.policy.rules import FunctionGrant
from sealbus.protocol import FunctionCode, MeiType

__all__ = ["FUNCTION_NAMES", "TABLE_FUNCTIONS", "name_of_part", "parse_function"]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a function, such as files: `first` to `last` exist, `example` shows the notation."""

    noun: str
    first: int
    last: int
    example: str


_WHOLE: Final = _Parts("", 0, 0, "")
_NAMES: Final[dict[str, tuple[int, _Parts]]] = {
    "read-exception-status": (FunctionCode.READ_EXCEPTION_STATUS, _WHOLE),
    "diagnostics": (
        FunctionCode.DIAGNOSTICS,
        _Parts("sub-functions", 0, 65535, '"diagnostics:0", "diagnostics:2", "diagnostics:11-18" only read'),
    ),
    "get-comm-event-counter": (FunctionCode.GET_COMM_EVENT_COUNTER, _WHOLE),
    "get-comm-event-log": (FunctionCode.GET_COMM_EVENT_LOG, _WHOLE),
    "report-server-id": (FunctionCode.REPORT_SERVER_ID, _WHOLE),
    "read-file-record": (FunctionCode.READ_FILE_RECORD, _Parts("files", 1, 65535, '"read-file-record:1-4"')),
    "write-file-record": (FunctionCode.WRITE_FILE_RECORD, _Parts("files", 1, 65535, '"write-file-record:1"')),
    "read-fifo-queue": (FunctionCode.READ_FIFO_QUEUE, _Parts("addresses", 0, 65535, '"read-fifo-queue:1246"')),
    "encapsulated-interface": (
        FunctionCode.ENCAPSULATED_INTERFACE,
        _Parts("MEI types", 0, 255, '"read-device-identification", "canopen" or "encapsulated-interface:200"'),
    ),
}
_MEI_NAMES: Final[dict[str, int]] = {
    "canopen": MeiType.CANOPEN_GENERAL_REFERENCE,
    "read-device-identification": MeiType.READ_DEVICE_IDENTIFICATION,
}
_BY_CODE: Final[dict[int, tuple[str, _Parts]]] = {code: (name, parts) for name, (code, parts) in _NAMES.items()}

FUNCTION_NAMES: Final = (*_NAMES, *_MEI_NAMES)
"""All names that `functions` accepts."""
TABLE_FUNCTIONS: Final = frozenset({1, 2, 3, 4, 5, 6, 15, 16, 22, 23})
"""The functions that `read` and `write` grant (MODBUS Application Protocol V1.1b3, 6.1 to 6.6, 6.11, 6.12, 6.16, 6.17)."""

_ENTRY: Final = re.compile(r"\s*([^:]*?)\s*(?::\s*(.*?)\s*)?", re.DOTALL)
_RANGE: Final = re.compile(r"([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?", re.ASCII)


def parse_function(entry: object) -> FunctionGrant:
    """Parse one entry of `functions`. Raises ConfigError, without file and line, if it is not a function."""
    if isinstance(entry, int) and not isinstance(entry, bool):
        return _numbered(entry)
    if not isinstance(entry, str):
        raise ConfigError(f"{entry!r} is neither a name nor a number", hint='write names and numbers: ["canopen", 90]')
    found = _ENTRY.fullmatch(entry)
    name, part = (found[1], found[2]) if found else (entry, None)
    if name in _MEI_NAMES and part is None:
        return FunctionGrant(FunctionCode.ENCAPSULATED_INTERFACE, _MEI_NAMES[name], _MEI_NAMES[name], name)
    if name not in _NAMES:
        raise ConfigError(f'"{entry}" is not a function', hint=_name_hint(name))
    code, parts = _NAMES[name]
    if parts is _WHOLE:
        if part is not None:
            raise ConfigError(f'"{entry}" has no parts', hint=f'write "{name}"')
        return FunctionGrant(code, 0, 0, name)
    if part is None:
        raise ConfigError(f'"{name}" must say which {parts.noun}', hint=f"for example {parts.example}")
    first, last = _range(entry, part, parts)
    return FunctionGrant(code, first, last, name_of_part(code, first, last))


def name_of_part(function_code: int, first: int, last: int) -> str:
    """How `functions` names these parts of a function: `diagnostics:4`. A code without a name is its number."""
    if function_code not in _BY_CODE:
        return f"function {function_code}"
    name, parts = _BY_CODE[function_code]
    if parts is _WHOLE:
        return name
    if function_code == FunctionCode.ENCAPSULATED_INTERFACE and first == last:
        named = [mei_name for mei_name, mei_type in _MEI_NAMES.items() if mei_type == first]
        if named:
            return named[0]
    return f"{name}:{first}" if first == last else f"{name}:{first}-{last}"


def _numbered(code: int) -> FunctionGrant:
    if not 1 <= code <= 127:
        raise ConfigError(f"{code} is not a function code", hint="function codes are 1 to 127")
    if code in TABLE_FUNCTIONS:
        raise ConfigError(f"function {code} reads or writes a table", hint="grant it by read and write")
    name, parts = _BY_CODE.get(code, ("", _WHOLE))
    if parts is not _WHOLE:
        raise ConfigError(f"function {code} must say which {parts.noun}", hint=f"for example {parts.example}")
    return FunctionGrant(code, 0, 0, name or f"function {code}")


def _range(entry: str, text: str, parts: _Parts) -> tuple[int, int]:
    found = _RANGE.fullmatch(text)
    if not found:
        raise ConfigError(f'"{entry}" does not name {parts.noun}', hint=f"for example {parts.example}")
    first = int(found[1])
    last = first if found[2] is None else int(found[2])
    if last < first:
        raise ConfigError(f'"{entry}" ends before it begins', hint=f"write {last}-{first}")
    if first < parts.first or last > parts.last:
        raise ConfigError(f'"{entry}" is out of range', hint=f"{parts.noun} are {parts.first} to {parts.last}")
    return first, last


def _name_hint(name: str) -> str:
    if name.isascii() and name.isdigit():
        return f"write the number without quotes: {name}"
    close = get_close_matches(name, FUNCTION_NAMES, n=1)
    return f'did you mean "{close[0]}"?' if close else f"the names are {', '.join(FUNCTION_NAMES)}; else a number"
