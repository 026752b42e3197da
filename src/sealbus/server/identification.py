"""The identification objects of a device, and the answers of function 43/14 from them.

MODBUS Application Protocol V1.1b3, 6.21. Objects 0 to 2 are basic, those up to 7F hex regular, those above extended; a
category contains those below it. What does not fit into one PDU follows from `next_object` on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sealbus.errors import DeviceException, LocalError
from sealbus.protocol import MAX_PDU_BYTES, DeviceIdentification, ExceptionCode

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IdentificationObjects"]

_END_OF_CATEGORY: Final = {1: 0x03, 2: 0x80, 3: 0x100}  # by read device id code: basic, regular, extended
_INDIVIDUAL_ACCESS: Final = 0x80  # added to the conformity level: single objects can be read too
_ROOM_BYTES: Final = MAX_PDU_BYTES - 7
_OBJECT_HEAD_BYTES: Final = 2
_MAX_OBJECT_BYTES: Final = _ROOM_BYTES - _OBJECT_HEAD_BYTES  # an object is never split


class IdentificationObjects:
    """Objects by id, 0 to 255, of at most 244 bytes each. LocalError for one that no answer can carry."""

    def __init__(self, objects: Mapping[int, bytes]) -> None:
        for object_id, data in objects.items():
            _check(object_id, data)
        self._objects = dict(sorted(objects.items()))
        highest = max(self._objects, default=0)
        level = next(level for level, end in _END_OF_CATEGORY.items() if highest < end)
        self._conformity = _INDIVIDUAL_ACCESS | level

    def answer(self, access: int, object_id: int) -> DeviceIdentification:
        """The answer to read device id code `access`, 1 to 4. DeviceException 02: there is no such single object."""
        end = _END_OF_CATEGORY.get(access)
        if end is None:
            if object_id not in self._objects:
                raise DeviceException(ExceptionCode.ILLEGAL_DATA_ADDRESS)
            return self._answer({object_id: self._objects[object_id]}, 0)
        # "If the Object Id does not match any known object, the server responds as if object 0 were pointed out": of
        # this category, or a client that asks for basic objects from a regular one on would get none.
        start = object_id if object_id in self._objects and object_id < end else 0
        answered: dict[int, bytes] = {}
        room = _ROOM_BYTES
        for each, data in self._objects.items():
            if not start <= each < end:
                continue
            room -= _OBJECT_HEAD_BYTES + len(data)
            if room < 0:
                return self._answer(answered, each)
            answered[each] = data
        return self._answer(answered, 0)

    def _answer(self, objects: Mapping[int, bytes], next_object: int) -> DeviceIdentification:
        # The first object always fits, so the next one is never object 0.
        return DeviceIdentification(self._conformity, next_object > 0, next_object, objects)


def _check(object_id: object, data: object) -> None:
    # Checked here: what is wrong would otherwise be exception 04 at the first request for it.
    if not isinstance(object_id, int) or not 0 <= object_id <= 0xFF:
        raise LocalError(f"{object_id!r:.60} is not the id of an identification object: use 0 to 255")
    if not isinstance(data, bytes):
        raise LocalError(f"identification object {object_id} is {data!r:.60}: write bytes")
    if len(data) > _MAX_OBJECT_BYTES:
        raise LocalError(
            f"identification object {object_id} has {len(data)} bytes, and one answer carries {_MAX_OBJECT_BYTES}: "
            "shorten it"
        )
