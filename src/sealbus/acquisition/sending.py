"""Sending a write: recorded before its bytes go on the wire, sent once, and its end as certain as can be.

The order is the safety rule. First `on_sending` is awaited: the site commits the state `sent`, and only if it returns
true is the request submitted. So a collector that dies at any moment leaves a record that is true: a command that is
not recorded as sent was not sent, and one that is may have been.

`Execution.sending` records how far the write is. `RunningCommands` derives the end of a command from it when an execution
is cut off by its deadline, by a stop or by an error: a write on the wire without an answer is always `unknown`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.outcome import Sending
from sealbus.errors import LocalError
from sealbus.protocol import ExceptionCode

if TYPE_CHECKING:
    from sealbus.acquisition.command_client import Answer, CommandClient
    from sealbus.acquisition.outcome import Execution

__all__ = ["send_write"]

_WITHOUT_EFFECT: Final = (
    ExceptionCode.ILLEGAL_FUNCTION,
    ExceptionCode.ILLEGAL_DATA_ADDRESS,
    ExceptionCode.ILLEGAL_DATA_VALUE,
    ExceptionCode.SERVER_DEVICE_BUSY,
    ExceptionCode.GATEWAY_PATH_UNAVAILABLE,
)
"""Sent before the device begins to write (MODBUS Application Protocol V1.1b3, section 7). After any other exception the
write may have happened: 04 is a failure while writing, 05 a write in progress, 0B the silence of a device behind a gateway.
"""


async def send_write(execution: Execution, client: CommandClient, unit_id: int, pdu: bytes) -> Answer:
    """Send a request that changes the device, once. Raises LocalError if it may not be sent any more."""
    execution.sending = Sending.RECORDED
    if not await execution.on_sending(execution.command.id):
        raise LocalError("the site does not allow it any more: withdrawn, past its deadline, or with another collector")
    execution.sending = Sending.SENT  # before submit: an answer, or proof that it was not sent, comes after
    request = client.submit(unit_id, pdu)
    try:
        answer = await asyncio.shield(request)
    except asyncio.CancelledError:
        client.close()  # a request that still waits for its turn ends here, and is never sent
        if request.done():
            execution.sending = _sending_of(request.result())
        raise
    execution.sending = _sending_of(answer)
    return answer


def _sending_of(answer: Answer) -> Sending:
    if answer.failure is not None:
        return Sending.SENT if answer.failure.was_sent else Sending.RECORDED
    if answer.exception is None:
        return Sending.ACCEPTED
    return Sending.DECLINED if answer.exception in _WITHOUT_EFFECT else Sending.SENT
