"""The class of each error of Sealbus shows whose fault it is.

LocalError: the caller asked for something that cannot be done. PeerError: the other side broke the protocol.
ConfigError: a file or option of the operator is wrong; it names the file, the line, the key and what to write instead.
DeviceException: the device refused, as the protocol allows. Unreachable and ResponseTimeout: nobody answered.

`code` is stable and for programs; the text is for people. `outcome_unknown` is true where a write may have been
carried out although no answer came. Sealbus never repeats such a write, and a caller must not repeat it blindly.
`request` says which request of the client API failed; it is None where no request did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "ConfigError",
    "DeviceException",
    "FailedRequest",
    "LocalError",
    "PeerError",
    "ResponseTimeout",
    "SealbusError",
    "Unreachable",
]

# MODBUS Application Protocol V1.1b3, section 7
_EXCEPTION_NAMES = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """The request of an error: endpoint URL, unit id, function code, and the first address where the function has one."""

    endpoint: str
    unit_id: int
    function_code: int
    address: int | None

    def __str__(self) -> str:
        where = f"{self.endpoint}, unit {self.unit_id}, function {self.function_code}"
        return where if self.address is None else f"{where}, address {self.address}"


class SealbusError(Exception):
    """The root of all errors that Sealbus raises on purpose."""

    code: ClassVar[str] = "error"
    outcome_unknown: bool = False
    request: FailedRequest | None = None

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.request is None else f"{text} ({self.request})"


class LocalError(SealbusError):
    """The caller asked for something that cannot be done: a value that does not fit, a range that does not exist."""

    code = "local"


class PeerError(SealbusError):
    """The peer sent something that the protocol does not allow."""

    code = "peer"

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        super().__init__(_with_outcome(message, outcome_unknown))
        self.outcome_unknown = outcome_unknown


class ConfigError(SealbusError):
    """A file or option of the operator cannot be used. One line: where, which key, what is wrong, what to write instead."""

    code = "config"

    def __init__(
        self, problem: str, *, file: str | None = None, line: int | None = None, key: str | None = None, hint: str = ""
    ) -> None:
        self.problem = problem
        self.file = file
        self.line = line
        self.key = key
        self.hint = hint
        where = file or ""
        if line is not None:
            where = f"{where}:{line}" if where else f"line {line}"
        text = ": ".join(part for part in (where, key, problem) if part)
        super().__init__(f"{text}; {hint}" if hint else text)


class DeviceException(SealbusError):
    """The device answered with a Modbus exception (MODBUS Application Protocol V1.1b3, section 7).

    After a write, `outcome_unknown` is true for 0B: a gateway has sent it and got no answer, or has not sent it.
    """

    code = "device-exception"

    def __init__(self, exception_code: int, *, function_code: int | None = None, outcome_unknown: bool = False) -> None:
        self.exception_code = exception_code
        self.function_code = function_code
        name = _EXCEPTION_NAMES.get(exception_code, "unknown exception")
        asked = "" if function_code is None else f" to function {function_code}"
        super().__init__(_with_outcome(f"exception {exception_code:02X}{asked}: {name}", outcome_unknown))
        self.outcome_unknown = outcome_unknown


class ResponseTimeout(SealbusError, TimeoutError):
    """The peer did not answer in time. After a write, `outcome_unknown` is true: it may have been carried out."""

    code = "timeout"

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        super().__init__(_with_outcome(message, outcome_unknown))
        self.outcome_unknown = outcome_unknown


class Unreachable(SealbusError, ConnectionError):
    """No connection to the peer could be made or kept. After a write was sent, `outcome_unknown` is true."""

    code = "unreachable"

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        super().__init__(_with_outcome(message, outcome_unknown))
        self.outcome_unknown = outcome_unknown


def _with_outcome(message: str, outcome_unknown: bool) -> str:
    return f"{message}; the write may or may not have been carried out" if outcome_unknown else message
