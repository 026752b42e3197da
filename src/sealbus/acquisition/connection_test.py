"""Testing a connection step by step: the rules, the name, the connection, the answer. The result has each step.

Any valid response, an exception too, proves that the device speaks Modbus. Three exceptions still fail the test: 0A and
0B come from a gateway that does not reach the device, and 01 through mbaps from a gateway whose policy denies our role,
or from a device that does not know the function. A connection that is already open is used.

Where the device or its line differs from the texts in a way that a setting allows for, the test proposes the setting.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.blocks import read_pdu
from sealbus.acquisition.locating import LocatingError
from sealbus.acquisition.outcome import ExecutionOutcome, failed_step
from sealbus.acquisition.reading import limits_of
from sealbus.client import Oddity
from sealbus.errors import ConfigError, LocalError, PeerError, Unreachable
from sealbus.plant import CommandState, ConnectionTested, ProposedSetting, Step, StepTaken
from sealbus.protocol import ExceptionCode, parse_place
from sealbus.samples import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from sealbus.acquisition.command_client import Answer, CommandClient
    from sealbus.acquisition.outcome import Execution
    from sealbus.acquisition.polled_connection import PolledConnection
    from sealbus.plant import TestConnection

__all__ = ["run_connection_test"]

_STEPS: Final = 4
_DENIED: Final = (
    "exception 01: the policy of the gateway denies this to our role, or the device does not know the function"
)


_ECHO: Final = ProposedSetting(
    setting="local_echo",
    value=True,
    reason="the line returned the request before the answer: the adapter receives what it sends",
)


_LENIENT: Final = {
    Oddity.OTHER_UNIT_ID: ProposedSetting(
        setting="lenient_unit_id",
        value=True,
        reason="an answer came that fits the request, but for its unit id; only for the one device of a connection",
    ),
    Oddity.OTHER_TRANSACTION_ID: ProposedSetting(
        setting="lenient_transaction_id",
        value=True,
        reason="an answer came that fits the request, but for its transaction id",
    ),
}
_ONE_IN_FLIGHT: Final = ProposedSetting(
    setting="in_flight", value=1, reason="with a lenient id only one request can be in flight"
)


@dataclass(slots=True)
class _ConnectionTest:
    execution: Execution
    connection: PolledConnection
    steps: list[StepTaken] = field(default_factory=list)
    answer: Answer | None = None

    async def take(self, step: Step, act: Callable[[], Awaitable[str]]) -> str:
        """Take a step and note how it went. Returns the reason if it failed, else an empty text."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.execution.progress(len(self.steps), _STEPS, step)
        try:
            text = await act()
        except (Unreachable, LocalError, ConfigError) as error:
            at = _step_of(error, step)
            self._note(at, began, str(error), ok=False)
            return str(error)
        self._note(step, began, text, ok=True)
        return ""

    def _note(self, step: Step, began: float, text: str, *, ok: bool) -> None:
        took_s = asyncio.get_running_loop().time() - began
        self.steps.append(StepTaken(step=step, ok=ok, text=text, took_s=took_s))

    def found(self) -> ConnectionTested:
        located, peer, answer = self.connection.located, self.connection.peer, self.answer
        return ConnectionTested(
            steps=tuple(self.steps),
            address=(located.line.device if located.line else located.address) if located else "",
            certificate=peer.subject if peer else "",
            fingerprint=peer.fingerprint if peer else "",
            not_after_us=int(peer.not_after.timestamp()) * US_PER_S if peer else None,
            exception=answer.exception if answer else None,
            answer_s=answer.took_s if answer and answer.failure is None else None,
            proposals=tuple(self._proposals()),
        )

    def _proposals(self) -> Iterator[ProposedSetting]:
        noticed, plan = self.connection.channel.oddities, self.connection.plan
        if Oddity.LOCAL_ECHO in noticed and not plan.local_echo:
            yield _ECHO
        if self.answer is None or self.answer.failure is None:
            return
        lenient = [proposal for oddity, proposal in _LENIENT.items() if oddity in noticed]
        yield from lenient
        if lenient and plan.in_flight != 1:
            yield _ONE_IN_FLIGHT


async def run_connection_test(
    command: TestConnection, execution: Execution, connection: PolledConnection, client: CommandClient
) -> ExecutionOutcome:
    """Execute a `TestConnection`."""
    try:
        place = parse_place(command.place)
        pdu = read_pdu(place)
    except LocalError as error:
        return ExecutionOutcome(CommandState.REFUSED, str(error))
    if (prohibition := limits_of(connection, command.unit_id).prohibition(place)) is not None:
        return ExecutionOutcome(CommandState.REFUSED, str(prohibition), failed_at=Step.RULES)
    test = _ConnectionTest(execution, connection)
    execution.found = test.found

    async def locate() -> str:
        located = await connection.locate()
        return located.address

    async def connect() -> str:
        if connection.channel.open_lines:
            return "already connected"
        await connection.channel.open()
        return f"to {connection.peer.subject}" if connection.peer else ""

    async def request() -> str:
        connection.channel.oddities.clear()
        test.answer = await client.request(command.unit_id, pdu)
        return _judge(test.answer, connection)

    for step, act in ((Step.RESOLVE, locate), (Step.CONNECT, connect), (Step.ANSWER, request)):
        reason = await test.take(step, act)
        if reason:
            problem = connection.dial_context.identities.problem(connection.plan.identity)
            if problem and problem not in reason:  # the files in force are older ones
                reason = f"{reason}; and the files of its identity are not in force: {problem}"
            return ExecutionOutcome(CommandState.FAILED, reason, failed_at=test.steps[-1].step, found=test.found())
    execution.progress(_STEPS, _STEPS, "")
    return ExecutionOutcome(CommandState.DONE, test.steps[-1].text, found=test.found())


class _NoAnswer(Unreachable):
    def __init__(self, message: str, step: Step) -> None:
        super().__init__(message)
        self.step = step


def _judge(answer: Answer, connection: PolledConnection) -> str:
    """What the answer proves. Raises _NoAnswer if it does not prove that the device answers us."""
    step = failed_step(answer, connection)
    if step is None:
        return ""
    if step is Step.ALLOWED and connection.plan.identity:
        raise _NoAnswer(_DENIED, step)
    if answer.failure is not None or answer.exception in (
        ExceptionCode.GATEWAY_PATH_UNAVAILABLE,
        ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND,
    ):
        raise _NoAnswer(answer.text, step)
    return f"it speaks Modbus: {answer.text}"


def _step_of(error: Exception, step: Step) -> Step:
    if isinstance(error, LocatingError | _NoAnswer):
        return error.step
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError | PeerError):
            return Step.TLS
        if isinstance(cause, ConfigError | LocatingError):
            return cause.step if isinstance(cause, LocatingError) else Step.RULES
        cause = cause.__cause__
    return step
