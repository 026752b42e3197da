"""The rights of one role, compiled to tables per unit.

The rules of a role are merged per unit once, when the policy is loaded; units with the same rules share the result. A
decision on a read costs one look-up for the unit, one for the function and one bisection, and returns a prepared
Decision. Only a denial builds text.

Rights add up: a request is allowed if each register, coil or part is allowed by some rule. A request of which only some are
allowed is denied whole. A part is what a rule of `functions` names within a function: a sub-function (8), a file (20, 21),
an address (24), a MEI type (43).

* Functions 1 to 4 need `read` over the whole range; 5 and 15 `write` over their coils; 6 and 16 over their registers,
  within the limits.
* Function 22 computes a value from the register in the device, so no limit can be checked: it needs a rule that writes
  the register without limits.
* Function 23 writes and then reads: it needs both rights, each over its own range.
* All others need a rule that names them (see `functions`), 24 included: it follows a pointer, so the registers it
  returns may be outside those that `read` names.
* Unit 0 is a unit like any other: a rule must name it. On a serial line a write to it reaches every device.

Sources: MODBUS Application Protocol V1.1b3, section 6; MODBUS/TCP Security v36, 8.4 (R-18, R-23, R-31).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealbus.policy.decision import Decision, Verdict, quoted_role
from sealbus.policy.functions import TABLE_FUNCTIONS, name_of_part
from sealbus.policy.registers import LimitViolation
from sealbus.policy.unit_rights import UnitRights
from sealbus.protocol import (
    READ_TABLES,
    CanopenReference,
    Diagnostics,
    FunctionCode,
    MaskWriteRegister,
    OpaqueRequest,
    ReadCoils,
    ReadDeviceIdentification,
    ReadDiscreteInputs,
    ReadFifoQueue,
    ReadFileRecord,
    ReadHoldingRegisters,
    ReadInputRegisters,
    ReadWriteMultipleRegisters,
    Table,
    WriteFileRecord,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.policy.rules import Range, Rule
    from sealbus.protocol import Request

__all__ = ["Rights"]

_PART_BYTES: Final = {FunctionCode.DIAGNOSTICS.value: 2, FunctionCode.ENCAPSULATED_INTERFACE.value: 1}
"""Functions that carry a sub-function or a MEI type behind the function code, and in how many bytes (6.8, 6.19)."""
_NOTHING: Final = UnitRights(())


class Rights:
    """The rights of one role. Immutable. `absence` is the reason of every denial if the policy lacks the role."""

    __slots__ = ("_absent", "_units", "role")

    def __init__(self, role: str, rules: Sequence[Rule], *, absence: str = "") -> None:
        self.role = role
        self._absent = Decision(Verdict.DENY, None, absence) if absence else None
        by_unit: dict[int, list[Rule]] = {}
        for rule in rules:
            for unit_id in rule.units:
                by_unit.setdefault(unit_id, []).append(rule)
        compiled: dict[tuple[int, ...], UnitRights] = {}
        self._units: dict[int, UnitRights] = {}
        for unit_id, mine in by_unit.items():
            numbers = tuple(rule.number for rule in mine)
            if numbers not in compiled:
                compiled[numbers] = UnitRights(mine)
            self._units[unit_id] = compiled[numbers]

    def on_unit(self, unit_id: int) -> UnitRights:
        """The compiled rights on one unit. Units with the same rules share them."""
        return self._units.get(unit_id, _NOTHING)

    def decide(self, unit_id: int, request: Request) -> Decision:
        """The decision on a whole request to this unit."""
        match request:
            case ReadHoldingRegisters() | ReadInputRegisters() | ReadCoils() | ReadDiscreteInputs():
                return self._decide_read(unit_id, request.function_code, request.address, request.count)
            case WriteSingleRegister():
                return self._decide_registers(unit_id, request.address, (request.value,))
            case WriteMultipleRegisters():
                return self._decide_registers(unit_id, request.address, request.values)
            case WriteSingleCoil():
                return self._decide_coils(unit_id, request.address, 1)
            case WriteMultipleCoils():
                return self._decide_coils(unit_id, request.address, len(request.values))
            case MaskWriteRegister():
                return self._decide_mask(unit_id, request.address)
            case ReadWriteMultipleRegisters():
                return self._decide_both(unit_id, request)
        return self._decide_named(unit_id, request)

    def may_call(self, unit_id: int, pdu: bytes) -> Decision:
        """For a malformed PDU: could a well-formed request of this function (and sub-function or MEI type, if present)
        be allowed on this unit? If not, the PDU is denied like a well-formed one."""
        function_code = pdu[0] if pdu else 0
        size = _PART_BYTES.get(function_code, 0)
        part = int.from_bytes(pdu[1 : 1 + size], "big") if 0 < size < len(pdu) else None
        if self._units.get(unit_id, _NOTHING).may_call(function_code, part):
            return Decision(
                Verdict.ALLOW, None, f"some rule of {quoted_role(self.role)} allows function {function_code}"
            )
        what = f"function {function_code}" if part is None else name_of_part(function_code, part, part)
        return self._no_rule(unit_id, what)

    def _decide_read(self, unit_id: int, function_code: int, address: int, count: int) -> Decision:
        granted = self._units.get(unit_id, _NOTHING).reads[function_code]
        last = address + count - 1
        decision = granted.decide(address, last)
        if decision is not None:
            return decision
        asked = _Asked("reading", READ_TABLES[function_code], address, last)
        return self._no_rule(unit_id, asked.text, asked.missing_text(granted.missing(address, last)))

    def _decide_registers(self, unit_id: int, address: int, words: tuple[int, ...]) -> Decision:
        registers = self._units.get(unit_id, _NOTHING).register_writes
        decision = registers.decide(address, words)
        if isinstance(decision, Decision):
            return decision
        if isinstance(decision, LimitViolation):
            return Decision(Verdict.DENY, decision.rule.title, f"{decision.reason}, on {_unit(unit_id)}")
        last = address + len(words) - 1
        asked = _Asked("writing", Table.HOLDING, address, last)
        return self._no_rule(unit_id, asked.text, asked.missing_text(registers.missing(address, last)))

    def _decide_coils(self, unit_id: int, address: int, count: int) -> Decision:
        coils = self._units.get(unit_id, _NOTHING).coil_writes
        last = address + count - 1
        decision = coils.decide(address, last)
        if decision is not None:
            return decision
        asked = _Asked("writing", Table.COILS, address, last)
        return self._no_rule(unit_id, asked.text, asked.missing_text(coils.missing(address, last)))

    def _decide_mask(self, unit_id: int, address: int) -> Decision:
        registers = self._units.get(unit_id, _NOTHING).register_writes
        decision = registers.unlimited.decide(address, address)
        if decision is not None:
            return decision
        limiting = registers.limit_over(address)
        if limiting is None:
            return self._no_rule(unit_id, _Asked("writing", Table.HOLDING, address, address).text)
        reason = (
            f"the result of a mask write to holding:{address} on {_unit(unit_id)} depends on its present value, so the "
            f"limits of rule {limiting.label} cannot be checked"
        )
        return Decision(Verdict.DENY, limiting.title, reason)

    def _decide_both(self, unit_id: int, request: ReadWriteMultipleRegisters) -> Decision:
        write = self._decide_registers(unit_id, request.write_address, request.values)
        read = self._decide_read(unit_id, FunctionCode.READ_HOLDING_REGISTERS, request.read_address, request.read_count)
        return _combine([write, read])

    def _decide_named(self, unit_id: int, request: Request) -> Decision:
        function_code, parts = _parts_of(request)
        granted = self._units.get(unit_id, _NOTHING).functions.get(function_code)
        # A request that ends before its part is denied. So are the functions of tables, for which `decide` has cases: a
        # rule of `functions` cannot name them.
        if not parts or function_code in TABLE_FUNCTIONS:
            return self._no_rule(unit_id, f"function {function_code}")
        decisions = []
        for part in parts:
            decision = granted.decide(part, part) if granted else None
            decisions.append(decision or self._no_rule(unit_id, name_of_part(function_code, part, part)))
        return _combine(decisions)

    def _no_rule(self, unit_id: int, what: str, missing_text: str = "") -> Decision:
        if self._absent is not None:
            return self._absent
        reason = f"no rule of {quoted_role(self.role)} allows {what} on {_unit(unit_id)}{missing_text}"
        return Decision(Verdict.DENY, None, reason)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A requested range, for the text of a decision."""

    doing: str
    table: Table
    first: int
    last: int

    @property
    def text(self) -> str:
        return f"{self.doing} {self._place(self.first, self.last)}"

    def missing_text(self, missing: Range | None) -> str:
        """The part that is not granted, if it is not the whole range."""
        if missing is None or missing == (self.first, self.last):
            return ""
        return f": {self._place(*missing)} is missing"

    def _place(self, first: int, last: int) -> str:
        return f"{self.table}:{first}" if first == last else f"{self.table}:{first}-{last}"


def _combine(decisions: Sequence[Decision]) -> Decision:
    """One decision for all parts of a request: allowed if all are."""
    denied = [decision for decision in decisions if not decision.allowed]
    relevant = list(dict.fromkeys(denied or decisions))
    if len(relevant) == 1:
        return relevant[0]
    rules = dict.fromkeys(decision.rule for decision in relevant if decision.rule is not None)
    reasons = dict.fromkeys(decision.reason for decision in relevant)
    return Decision(relevant[0].verdict, ", ".join(rules) or None, "; ".join(reasons))


def _unit(unit_id: int) -> str:
    return f"unit {unit_id}" if unit_id else "unit 0 (broadcast)"


def _parts_of(request: Request) -> tuple[int, tuple[int, ...]]:
    """The function code and the parts that `functions` must name; none if the request lacks their bytes."""
    match request:
        case Diagnostics():
            return request.function_code, (request.sub_function,)
        case ReadFileRecord():
            return request.function_code, tuple(reference.file for reference in request.references)
        case WriteFileRecord():
            return request.function_code, tuple(record.file for record in request.records)
        case ReadFifoQueue():
            return request.function_code, (request.address,)
        case ReadDeviceIdentification() | CanopenReference():
            return request.function_code, (request.mei_type,)
        case OpaqueRequest():
            return request.function_code, _parts_of_opaque(request)
    return request.function_code, (0,)


def _parts_of_opaque(request: OpaqueRequest) -> tuple[int, ...]:
    """(0,) for a function without parts, which a rule names whole; () where the bytes of the part are missing.

    Of the known functions only 43 is opaque, with an unknown MEI type.
    """
    if request.function_code == FunctionCode.ENCAPSULATED_INTERFACE:
        return tuple(request.data[:1])
    return () if request.function_code in set(FunctionCode) else (0,)
