"""The encoding half of the codec: from the value of a tag to the request that writes it.

`encode_value` returns what to write, or `NotEncodable` with a reason for people. It is the inverse of `conversion`: the
registers that it returns decode to `value`, which is the nearest that the device can hold. These are the rules:

* The value is of the tag's kind: true or false (or 0 and 1) for a bit, a text for a string, else a number. Labels of an
  enumeration are for the caller to resolve.
* It keeps `write_min`, `write_max` and `write_step`; steps count from `write_min`, or from 0. So does the rounded value.
* The raw value fits the type, and does not mean "not available".
* A whole number in registers is rounded to the nearest raw value. With `write_step` the rounding may change the value by
  half a step at most. An integer without scale takes whole numbers only: 1.4 is refused, never written as 1.
* A tag that takes some bits of a register becomes a mask, since the other bits may change in the meantime.
  Function code 22 reaches one register, so its bits must lie in one (MODBUS Application Protocol V1.1b3, section 6.16).
"""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from sealbus.errors import LocalError
from sealbus.plant.conversion import NoValue, build_conversion, build_scaling, divisor_of
from sealbus.plant.sunspec_types import SUNSPEC_TYPES
from sealbus.plant.tag_rules import WRITABLE_TABLES
from sealbus.protocol import (
    BCD_TYPES,
    FLOAT_TYPES,
    ValueType,
    decode_registers,
    encode_registers,
    pack_words,
    range_of,
)
from sealbus.samples import SampleValue  # noqa: TC001 - msgspec evaluates the annotations

if TYPE_CHECKING:
    from sealbus.plant.conversion import Raw
    from sealbus.plant.tags import Tag
    from sealbus.protocol import RegisterValue

__all__ = ["BitsToWrite", "EncodedWrite", "MaskToWrite", "NotEncodable", "RegistersToWrite", "encode_value"]

_BYTES: Final = (*BCD_TYPES, ValueType.STRING)
_TOLERANCE: Final = 1e-6
"""Of a step or a limit: floating point numbers such as 0.3 are not exact multiples of 0.1."""
_MAX_BITS: Final = 256


class RegistersToWrite(Struct, frozen=True, kw_only=True, tag="registers"):
    """Write these registers from `address` on. `value` is what they decode to."""

    address: int
    registers: tuple[int, ...]
    value: SampleValue


class BitsToWrite(Struct, frozen=True, kw_only=True, tag="bits"):
    """Write these coils from `address` on."""

    address: int
    bits: tuple[bool, ...]
    value: SampleValue


class MaskToWrite(Struct, frozen=True, kw_only=True, tag="mask"):
    """Set bits of one register: (current AND and_mask) OR (or_mask AND NOT and_mask)."""

    address: int
    and_mask: int
    or_mask: int
    value: SampleValue


class NotEncodable(Struct, frozen=True, tag="refused"):
    """The value cannot be written to this tag. `reason` is a sentence for people."""

    reason: str


EncodedWrite: TypeAlias = RegistersToWrite | BitsToWrite | MaskToWrite


class _Refused(Exception):
    pass


def encode_value(tag: Tag, value: SampleValue) -> EncodedWrite | NotEncodable:
    """What to write so that the tag has this value."""
    try:
        return _encoded(tag, value)
    except _Refused as refused:
        return NotEncodable(str(refused))


def _encoded(tag: Tag, value: SampleValue) -> EncodedWrite:
    if not tag.plan.writable or tag.place.table not in WRITABLE_TABLES:
        raise _Refused("this tag is not writable")
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:  # too large for a float, and too long to be shown
        raise _Refused(f"a number of {value.bit_length()} bits is too large for {tag.type}")
    if tag.type is ValueType.STRING:
        return _text(tag, value)
    if tag.is_bit_of_table:
        bit = _truth(value)
        return BitsToWrite(address=tag.place.address, bits=(bit,), value=bit)
    if tag.plan.bit is not None and tag.plan.bit_width is None:
        return _mask(tag, int(_truth(value)), width=1)
    number = _number(value)
    _check_limits(tag, number)
    raw = _raw(tag, number)
    if tag.plan.bit is not None:
        width = tag.plan.bit_width or 1
        if isinstance(raw, float) or not 0 <= raw < 1 << width:
            raise _Refused(
                f"{number} is out of range for {width} bits: use a number from {_shown_range(tag, 0, (1 << width) - 1)}"
            )
        return _checked(tag, number, _mask(tag, raw, width=width))
    return _checked(tag, number, _registers(tag, number, raw))


# -- kinds


def _truth(value: SampleValue) -> bool:
    if isinstance(value, str) or value not in (0, 1):
        raise _Refused(f"{value!r} is not true or false")
    return bool(value)


def _number(value: SampleValue) -> int | float:
    if isinstance(value, bool | str) or not math.isfinite(value):
        raise _Refused(f"{value!r} is not a number")
    return value


def _text(tag: Tag, value: SampleValue) -> RegistersToWrite:
    if not isinstance(value, str):
        raise _Refused(f"{value!r} is not a text")
    if tag.plan.sunspec_type and SUNSPEC_TYPES[tag.plan.sunspec_type].text is not None:
        raise _Refused(f"a SunSpec address ({tag.plan.sunspec_type}) cannot be written as a text")
    if value.endswith(" "):
        raise _Refused("the text ends with a space, which a device does not keep")
    try:
        registers = tuple(encode_registers([value], tag.type, tag.order, registers=tag.place.count))
    except LocalError as error:
        raise _Refused(str(error)) from None
    _decoded(tag, registers)
    return RegistersToWrite(address=tag.place.address, registers=registers, value=value)


# -- limits


def _check_limits(tag: Tag, number: int | float) -> None:
    plan = tag.plan
    if plan.write_min is not None and number < plan.write_min:
        raise _Refused(f"{number} is below the lowest value that may be written, {plan.write_min:g}")
    if plan.write_max is not None and number > plan.write_max:
        raise _Refused(f"{number} is above the highest value that may be written, {plan.write_max:g}")
    if plan.write_step is not None:
        start = plan.write_min or 0.0
        steps = (Fraction(number) - Fraction(start)) / Fraction(plan.write_step)
        if abs(steps - round(steps)) > Fraction(_TOLERANCE):
            raise _Refused(f"{number} is not {start:g} plus a multiple of the step {plan.write_step:g}")


# -- scale


def _raw(tag: Tag, number: int | float) -> int | float:
    """The raw number: a float for registers of a float type, else the nearest whole number."""
    plan, exact = tag.plan, Fraction(number)
    ends = (plan.raw_low, plan.raw_high, plan.scaled_low, plan.scaled_high)
    if None not in ends:
        raw_low, raw_high, low, high = (Fraction(each or 0.0) for each in ends)
        if low == high:
            raise _Refused("the linear range of this tag gives one value only, so no value can be written")
        exact = raw_low + (exact - low) * (raw_high - raw_low) / (high - low)
    else:
        divisor = divisor_of(plan.scale)
        scale = Fraction(1, divisor) if divisor else Fraction(plan.scale)
        exact = (exact - Fraction(plan.offset)) / scale
    if tag.type not in FLOAT_TYPES:
        return round(exact)
    try:
        return float(exact)
    except OverflowError:
        raise _Refused(f"{number} is too large for {tag.type} with this scale") from None


def _registers(tag: Tag, number: int | float, raw: int | float) -> RegistersToWrite:
    try:
        registers = tuple(encode_registers([raw], tag.type, tag.order))
    except LocalError:
        if tag.type in FLOAT_TYPES:
            raise _Refused(f"{number} is too large for {tag.type}") from None
        low, high = range_of(ValueType.UINT16 if tag.type is ValueType.BIT else tag.type)
        raise _Refused(
            f"{number} is out of range for {tag.type}: use a number from {_shown_range(tag, low, high)}"
        ) from None
    return RegistersToWrite(address=tag.place.address, registers=registers, value=_decoded(tag, registers))


def _mask(tag: Tag, raw: int, *, width: int) -> MaskToWrite:
    """The field's bits as they lie in the registers, so every word order is right."""
    shift = tag.plan.bit or 0
    value_type = ValueType.UINT16 if tag.type is ValueType.BIT else tag.type
    field = encode_registers([((1 << width) - 1) << shift], value_type, tag.order)
    bits = encode_registers([raw << shift], value_type, tag.order)
    touched = [at for at, word in enumerate(field) if word]
    if len(touched) != 1:
        raise _Refused(
            f"its bits {shift} to {shift + width - 1} are in {len(touched)} registers; a mask changes only one"
        )
    at = touched[0]
    value: SampleValue = bool(raw) if tag.plan.bit_width is None else build_scaling(tag)(raw)
    return MaskToWrite(address=tag.place.address + at, and_mask=~field[at] & 0xFFFF, or_mask=bits[at], value=value)


# -- compared with the decoder


def _checked(tag: Tag, number: int | float, write: EncodedWrite) -> EncodedWrite:
    """The value after rounding is still within what was requested."""
    plan = tag.plan
    written = write.value
    if isinstance(written, str | bool):  # no number decodes to these
        raise _Refused(f"{number} cannot be written to this tag")
    # a value within the limits must not be rounded to one beyond them
    for limit, is_beyond in ((plan.write_min, operator.lt), (plan.write_max, operator.gt)):
        if limit is not None and is_beyond(written, limit) and not _is_close(written, limit):
            raise _Refused(
                f"the device cannot hold {number}; the nearest value, {written}, is beyond the limit {limit:g}"
            )
    if tag.type in FLOAT_TYPES:
        return write
    is_scaled = plan.scale != 1 or plan.offset != 0 or plan.raw_low is not None
    if plan.write_step is not None:
        allowed = abs(plan.write_step) * (0.5 + _TOLERANCE)
    elif is_scaled:
        return write  # the nearest raw value, so within half of its step
    else:
        allowed = 0.0
    if abs(Fraction(written) - Fraction(number)) > Fraction(allowed):
        raise _Refused(f"the device cannot hold {number}; the nearest value is {written}")
    return write


def _is_close(written: float, limit: float) -> bool:
    return math.isclose(written, limit, rel_tol=_TOLERANCE, abs_tol=1e-12)


def _decoded(tag: Tag, registers: tuple[int, ...]) -> SampleValue:
    raw: Raw
    if tag.type in _BYTES:
        raw = _in_reading_order(tag, registers)
    else:
        value_type = ValueType.UINT16 if tag.type is ValueType.BIT else tag.type
        raw = decode_registers(registers, value_type, tag.order)[0]  # type: ignore[assignment]  # a number
    try:
        return build_conversion(tag)(raw)
    except NoValue:
        raise _Refused('the device would take this value for "not available"') from None


def _in_reading_order(tag: Tag, registers: tuple[int, ...]) -> bytes:
    """The bytes as the collector's decoder passes them on: high byte first, for any word order."""
    if tag.type is ValueType.STRING:
        value: RegisterValue = decode_registers(registers, tag.type, tag.order)[0]
        return pack_words(encode_registers([value], tag.type, registers=tag.place.count))
    (number,) = decode_registers(registers, tag.type, tag.order)
    return pack_words(encode_registers([number], tag.type))


def _shown_range(tag: Tag, raw_low: int | float, raw_high: int | float) -> str:
    """The values that this range of raw numbers represents."""
    plan = tag.plan
    if plan.raw_low is not None and plan.raw_high is not None:
        low, high = plan.scaled_low or 0.0, plan.scaled_high or 0.0
        rise = (high - low) / (plan.raw_high - plan.raw_low)
        ends = [low + (each - plan.raw_low) * rise for each in (raw_low, raw_high)]
    else:
        ends = [each * plan.scale + plan.offset for each in (raw_low, raw_high)]
    lowest, highest = min(ends), max(ends)
    return f"{lowest:.12g} to {highest:.12g}"
