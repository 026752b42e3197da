"""Calls of the client API that need several requests, written once for both clients.

Each is a generator: it yields a request, receives the decoded answer, or gets the error thrown in, and returns the result.
Only reads are sent, one at a time, so that nothing here can have an unknown outcome.

SunSpec: SunSpec Information Model Specification 1.1, section 6: "SunS" at 40000, 50000 or 0, then models, each an id, a
length and that many registers, up to the id FFFF. Some devices end the chain with 0 or exception 02 in its place.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from sealbus.client.calls import build_read, place_of
from sealbus.errors import DeviceException, PeerError, ResponseTimeout, SealbusError
from sealbus.protocol import (
    ADDRESS_SPACE,
    MAX_COUNT_READ_BITS,
    MAX_COUNT_READ_REGISTERS,
    DeviceIdentification,
    ExceptionCode,
    Place,
    ReadDeviceIdentification,
    ReadHoldingRegisters,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.protocol import Request

__all__ = [
    "Result",
    "Steps",
    "SunSpecModel",
    "build_probe",
    "identification_steps",
    "is_no_unit",
    "register_scan_steps",
    "sunspec_steps",
]

Result = TypeVar("Result")
Steps: TypeAlias = Generator["Request", Any, Result]

_ONE_OBJECT: Final = 4  # MODBUS Application Protocol V1.1b3, 6.21: individual access
_ABSENT: Final = (ExceptionCode.GATEWAY_PATH_UNAVAILABLE, ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND)
_ENDS_A_SCAN: Final = (ExceptionCode.ILLEGAL_FUNCTION, *_ABSENT)
_SUNS: Final = [0x5375, 0x6E53]
_MODEL_HEAD: Final = 2
_END_MODELS: Final = (0xFFFF, 0)  # 0 is no model, and where some devices end their chain
_MAX_MODELS: Final = 256


@dataclass(frozen=True, slots=True)
class SunSpecModel:
    """A model of a SunSpec device: `address` of its id, and its registers behind id and length.

    `length` is what the device states; where it refuses to be read to the end, there are fewer `registers`.
    """

    model_id: int
    address: int
    length: int
    registers: tuple[int, ...]


def identification_steps(access: int, object_id: int) -> Steps[DeviceIdentification]:
    """All identification objects of a category from `object_id` on (6.21)."""
    objects: dict[int, bytes] = {}
    while True:
        answer: DeviceIdentification = yield ReadDeviceIdentification(access, object_id)
        objects.update(answer.objects)
        if not answer.more_follows or access == _ONE_OBJECT:
            return DeviceIdentification(answer.conformity, False, 0, objects)
        # Each round must go on, or a device that always names the same next object would be asked for ever.
        if answer.next_object <= object_id:
            raise PeerError(
                f"more identification objects follow from {answer.next_object}, which was asked for already"
            )
        object_id = answer.next_object


def is_no_unit(error: SealbusError) -> bool:
    """Whether this answer to a probe means that there is no such unit. Any other exception shows that there is one.

    An error that says nothing of the unit, such as a lost connection, is raised again.
    """
    if isinstance(error, DeviceException):
        return error.exception_code in _ABSENT
    if isinstance(error, ResponseTimeout | PeerError):
        return True
    raise error


def build_probe(place: str) -> Request:
    """The read that a scan of units sends to each. LocalError for what is no place."""
    return build_read(place_of(place))


def register_scan_steps(place: str) -> Steps[list[Place]]:
    """The parts of a range that can be read, by address; neighbours are one part.

    A piece that the device refuses, or answers wrongly, is halved until single addresses remain. Exception 01 ends the
    scan, since the device has no such table; silence does too, since each further piece could cost a time-out.
    """
    whole = place_of(place)
    most = MAX_COUNT_READ_BITS if whole.table in (Table.COILS, Table.DISCRETE) else MAX_COUNT_READ_REGISTERS
    todo = [
        Place(whole.table, first, min(most, whole.last + 1 - first))
        for first in reversed(range(whole.address, whole.last + 1, most))
    ]
    found: list[Place] = []
    while todo:
        piece = todo.pop()
        try:
            yield build_read(piece)
        except (DeviceException, PeerError) as error:
            if isinstance(error, DeviceException) and error.exception_code in _ENDS_A_SCAN:
                raise
            if piece.count > 1:
                left = piece.count // 2
                todo.append(Place(piece.table, piece.address + left, piece.count - left))
                todo.append(Place(piece.table, piece.address, left))
        else:
            if found and found[-1].last + 1 == piece.address:
                piece = Place(piece.table, found[-1].address, found.pop().count + piece.count)
            found.append(piece)
    return found


def sunspec_steps(bases: Sequence[int]) -> Steps[list[SunSpecModel]]:
    """The models of a SunSpec device; empty where none of the bases has a map. ResponseTimeout where all are silent."""
    silence: ResponseTimeout | None = None
    answered = False
    requests = [ReadHoldingRegisters(base, len(_SUNS)) for base in bases]  # a wrong base is refused before any is asked
    for request in requests:
        try:
            head = yield request
        except (DeviceException, PeerError):
            answered = True
        except ResponseTimeout as error:  # some devices are silent where they have no registers
            silence = error
        else:
            answered = True
            if head == _SUNS:
                return (yield from _models(request.address + len(_SUNS)))
    if silence is not None and not answered:
        raise silence
    return []


def _models(at: int) -> Steps[list[SunSpecModel]]:
    models: list[SunSpecModel] = []
    # Each model moves on by two registers at least; the bounds are for a device whose registers all hold the same.
    while at + _MODEL_HEAD <= ADDRESS_SPACE and len(models) < _MAX_MODELS:
        try:
            model_id, length = yield ReadHoldingRegisters(at, _MODEL_HEAD)
        except DeviceException:
            break
        if model_id in _END_MODELS:
            break
        if at + _MODEL_HEAD + length > ADDRESS_SPACE:
            raise PeerError(f"the SunSpec model {model_id} at holding:{at} has {length} registers, past the table")
        registers = yield from _registers(at + _MODEL_HEAD, length)
        models.append(SunSpecModel(model_id, at, length, registers))
        at += _MODEL_HEAD + length
    return models


def _registers(address: int, count: int) -> Steps[tuple[int, ...]]:
    """The registers up to the first piece that the device refuses."""
    registers: list[int] = []
    while len(registers) < count:
        piece = min(MAX_COUNT_READ_REGISTERS, count - len(registers))
        try:
            registers += yield ReadHoldingRegisters(address + len(registers), piece)
        except DeviceException:
            break
    return tuple(registers)
