"""Trying a connection, step by step, and telling the truth about each: the rules, the name, the connection, the answer.

Any lawful answer shows that Modbus is spoken there, an exception too. Three exceptions still mean that the way is not
open: 0A and 0B come from a gateway that does not reach the device, and 01 through mbaps from one whose policy does not
let our role read, or from a device that lacks the function. A connection that is open already is used as it is.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.blocks import read_pdu
from sealbus.acquisition.locating import LocatingError
from sealbus.acquisition.outcome import Outcome, failed_step
from sealbus.acquisition.reading import limits_of
from sealbus.errors import ConfigError, LocalError, PeerError, Unreachable
from sealbus.plant import ConnectionTested, OrderState, Step, StepTaken
from sealbus.protocol import ExceptionCode, parse_place
from sealbus.samples import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sealbus.acquisition.outcome import Errand
    from sealbus.acquisition.polled_connection import PolledConnection
    from sealbus.acquisition.unit_client import Answer, UnitClient
    from sealbus.plant import TestConnection

__all__ = ["try_connection"]

_STEPS: Final = 4
_DENIED: Final = (
    "exception 01: the gateway's policy does not let our role read this, or the device does not know the function"
)


@dataclass(slots=True)
class _Trial:
    errand: Errand
    link: PolledConnection
    steps: list[StepTaken] = field(default_factory=list)
    answer: Answer | None = None

    async def take(self, step: Step, act: Callable[[], Awaitable[str]]) -> str:
        """Take a step; whatever goes wrong in it is raised as _Failed, when it has been noted."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.errand.progress(len(self.steps), _STEPS, step)
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
        located, peer, answer = self.link.located, self.link.peer, self.answer
        return ConnectionTested(
            steps=tuple(self.steps),
            address=(located.line.device if located.line else located.address) if located else "",
            certificate=peer.subject if peer else "",
            fingerprint=peer.fingerprint if peer else "",
            not_after_us=int(peer.not_after.timestamp()) * US_PER_S if peer else None,
            exception=answer.exception if answer else None,
            answer_s=answer.took_s if answer and answer.failure is None else None,
        )


async def try_connection(order: TestConnection, errand: Errand, link: PolledConnection, asker: UnitClient) -> Outcome:
    """Carry out a `TestConnection`."""
    try:
        place = parse_place(order.place)
        pdu = read_pdu(place)
    except LocalError as error:
        return Outcome(OrderState.REFUSED, str(error))
    if (prohibition := limits_of(link, order.unit_id).prohibition(place)) is not None:
        return Outcome(OrderState.REFUSED, str(prohibition), failed_at=Step.RULES)
    trial = _Trial(errand, link)
    errand.found = trial.found

    async def locate() -> str:
        located = await link.locate()
        return located.address

    async def connect() -> str:
        if link.channel.open_lines:
            return "it was connected already"
        await link.channel.open()
        return f"to {link.peer.subject}" if link.peer else ""

    async def ask() -> str:
        trial.answer = await asker.ask(order.unit_id, pdu)
        return _judge(trial.answer, link)

    for step, act in ((Step.RESOLVE, locate), (Step.CONNECT, connect), (Step.ANSWER, ask)):
        reason = await trial.take(step, act)
        if reason:
            problem = link.dial_context.identities.problem(link.plan.identity)
            if problem and problem not in reason:  # what was shown were the files as they were last good
                reason = f"{reason}; and its files are not in force: {problem}"
            return Outcome(OrderState.FAILED, reason, failed_at=trial.steps[-1].step, found=trial.found())
    errand.progress(_STEPS, _STEPS, "")
    return Outcome(OrderState.DONE, trial.steps[-1].text, found=trial.found())


class _NoAnswer(Unreachable):
    def __init__(self, message: str, step: Step) -> None:
        super().__init__(message)
        self.step = step


def _judge(answer: Answer, link: PolledConnection) -> str:
    """What the answer says; raises where it does not show that the device is there for us."""
    step = failed_step(answer, link)
    if step is None:
        return ""
    if step is Step.ALLOWED and link.plan.identity:
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
