"""Calls of the client API that need several requests, written once for both clients.

Each is a generator: it yields a request, receives the decoded answer, or gets the error thrown in, and returns the result.
Only reads are sent, one at a time, so that nothing here can have an unknown outcome.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sealbus.errors import PeerError
from sealbus.protocol import DeviceIdentification, ReadDeviceIdentification

if TYPE_CHECKING:
    from sealbus.protocol import Request

__all__ = ["Result", "Steps", "identification_steps"]

Result = TypeVar("Result")
Steps: TypeAlias = Generator["Request", Any, Result]

_ONE_OBJECT = 4  # MODBUS Application Protocol V1.1b3, 6.21: individual access


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
