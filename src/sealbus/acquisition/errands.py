"""Orders under way: each a task of its own with a deadline, a few at a time, each ending in exactly one result.

An order is for a connection of the plan, and then goes over its channel; or for one that is in no plan, and then the
same checks stand before it: the same rules, the same owner of a port. Where such a one is just what a connection of
the plan is, its channel is used: a device that bears one connection is tested over that one.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sealbus.acquisition.bugs import describe_bug
from sealbus.acquisition.locating import LocatingError
from sealbus.acquisition.outcome import Errand, Outcome
from sealbus.acquisition.polled_connection import PolledConnection
from sealbus.acquisition.reading import read_now
from sealbus.acquisition.scanning import scan_registers, scan_units
from sealbus.acquisition.sunspec import discover
from sealbus.acquisition.trying import try_connection
from sealbus.acquisition.unit_client import UnitClient
from sealbus.errors import ConfigError, SealbusError
from sealbus.plant import (
    DiscoverSunSpec,
    OrderProgress,
    OrderResult,
    OrderState,
    ReadNow,
    ScanRegisters,
    ScanUnits,
    Step,
    TestConnection,
    WriteTag,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.acquisition.polled_connection import DialContext
    from sealbus.acquisition.polled_connections import PolledConnections
    from sealbus.plant import Order

__all__ = ["Errands"]

_log = logging.getLogger("sealbus.acquisition")
_MOST: Final = 16
_LONGEST_S: Final = 3600.0
_UNIT_IDS: Final = range(256)
_TEMPORARY: Final = -1


class Errands:
    """Carries out orders. `report` gets their progress and results."""

    def __init__(
        self, fleet: PolledConnections, reach: DialContext, report: Callable[[OrderProgress | OrderResult], object]
    ) -> None:
        self._fleet = fleet
        self._reach = reach
        self._report = report
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._taken_back: set[int] = set()
        self._temporary = _TEMPORARY

    @property
    def under_way(self) -> int:
        """How many orders are."""
        return len(self._tasks)

    def submit(self, order: Order) -> None:
        """Begin, or refuse at once."""
        if objection := self._objection(order):
            self._report(OrderResult(id=order.id, state=OrderState.REFUSED, reason=objection))
            return
        task = asyncio.get_running_loop().create_task(self._carry_out(order), name=f"order {order.id}")
        self._tasks[task] = order.id
        task.add_done_callback(self._over)

    def cancel(self, order_id: int) -> None:
        """Stop an order that was taken back, if it is under way. Its result says what it had found."""
        for task in [task for task, number in self._tasks.items() if number == order_id]:
            self._taken_back.add(order_id)
            task.cancel()

    async def close(self) -> None:
        """Cancel what is under way; each says so."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _over(self, task: asyncio.Task[Any] | None) -> None:
        if task is not None and (order_id := self._tasks.pop(task, None)) is not None:
            self._taken_back.discard(order_id)

    def _objection(self, order: Order) -> str:
        if isinstance(order, WriteTag):
            return "this version does not write"
        if order.id in self._tasks.values():
            return "this order is under way already"
        if len(self._tasks) >= _MOST:
            return f"{_MOST} orders are under way; try again when one has ended"
        if not 0 < order.within_s <= _LONGEST_S:
            return f"{order.within_s:g} s is no time for an order; give up to {_LONGEST_S:g} s"
        units = (order.first, order.last) if isinstance(order, ScanUnits) else (order.unit_id,)
        if not all(unit in _UNIT_IDS for unit in units) or units[0] > units[-1]:
            return "a unit id is 0 to 255"
        return ""

    async def _carry_out(self, order: Order) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        errand = Errand(order, lambda done, total, text: self._say(order, done, total, text))
        try:
            async with asyncio.timeout(order.within_s):
                outcome = await self._attempt(errand)
        except TimeoutError:
            reason = f"not done within {order.within_s:g} s"
            outcome = Outcome(OrderState.EXPIRED, reason, found=errand.found())
        except asyncio.CancelledError:
            if order.id not in self._taken_back:
                self._report(OrderResult(id=order.id, state=OrderState.FAILED, reason="the collector was stopped"))
                raise
            outcome = Outcome(OrderState.FAILED, "taken back", found=errand.found())
        except SealbusError as error:
            outcome = Outcome(OrderState.FAILED, str(error), found=errand.found())
        except Exception as error:  # noqa: BLE001 - somebody waits for the one result of his order
            _log.error("order %d: %s", order.id, describe_bug(error), exc_info=error)
            outcome = Outcome(OrderState.FAILED, describe_bug(error))
        self._over(asyncio.current_task())  # whoever hears of the result may order again at once
        self._report(
            OrderResult(
                id=order.id,
                state=outcome.state,
                reason=outcome.reason,
                failed_at=outcome.failed_at,
                took_s=loop.time() - began,
                found=outcome.found,
            )
        )

    def _say(self, order: Order, done: int, total: int, text: str) -> None:
        self._report(OrderProgress(id=order.id, done=done, total=total, text=text))

    async def _attempt(self, errand: Errand) -> Outcome:
        order = errand.order
        try:
            link, is_temporary = self._link(order)
        except ConfigError as error:
            return Outcome(OrderState.REFUSED, str(error), failed_at=Step.RULES)
        asker = UnitClient(link.channel, is_urgent=isinstance(order, TestConnection | ReadNow))
        try:
            match order:
                case TestConnection():
                    return await try_connection(order, errand, link, asker)
                case ReadNow():
                    return await read_now(order, errand, link, asker)
                case ScanUnits():
                    return await scan_units(order, errand, link, asker)
                case ScanRegisters():
                    return await scan_registers(order, errand, link, asker)
                case DiscoverSunSpec():
                    return await discover(order, errand, link, asker)
            raise ConfigError("this version does not write")
        finally:
            asker.close()
            if is_temporary:
                link.close()

    def _link(self, order: Order) -> tuple[PolledConnection, bool]:
        """The link to use, and whether it is there for this order only. Raises ConfigError."""
        target = order.connection
        if isinstance(target, int):
            link = self._fleet.by_id.get(target)
            if link is None:
                problems = (each for each in self._fleet.problems if (each.what, each.id) == ("connection", target))
                problem = next((each.text for each in problems), "")
                raise ConfigError(f"connection {target} is not in use{': ' if problem else ''}{problem}")
            return link, False
        self._temporary -= 1
        trial = PolledConnection(msgspec.structs.replace(target, id=self._temporary, devices=()), self._reach)
        for link in self._fleet.by_id.values():
            if link.endpoint == trial.endpoint and link.plan.identity == target.identity:
                trial.close()
                return link, False
        owner = self._owner(trial)
        if owner is not None and trial.endpoint.line is not None:
            trial.close()
            raise ConfigError(f"{trial.endpoint} belongs to connection {owner}", key="url", hint="use that one")
        if owner is not None and (theirs := self._fleet.by_id.get(owner)) is not None:
            trial.update(msgspec.structs.replace(trial.plan, devices=theirs.plan.devices))  # what is forbidden there
        return trial, True

    def _owner(self, trial: PolledConnection) -> int | None:
        try:
            return self._reach.locator.owner(trial.endpoint)
        except LocatingError as error:
            trial.close()
            raise ConfigError(str(error), key="url") from None
