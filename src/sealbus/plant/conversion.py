"""The decoding half of the codec: from the raw value of registers to the value of a tag. Sentinels, bits, scale.

`build_conversion` returns a function for one tag, with only the steps that this tag needs. The function returns the value
or raises `NoValue` with the reason. It never returns 0 for anything else: a sentinel is NOT_AVAILABLE; a number that is
not finite, or bytes that are not a text, are NOT_DECODABLE. `encoding` is the inverse.

A scale such as 0.1 is applied as a division by 10, because 3 / 10 is 0.3 and 3 * 0.1 is not. Whole numbers stay whole
up to 64 bits; a larger one is a float, as in `sealbus.expressions`.

The sentinels of SunSpec are in `sunspec_types`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

from sealbus.errors import PeerError
from sealbus.plant.sunspec_types import SUNSPEC_TYPES, sunspec_string
from sealbus.protocol import BCD_TYPES, FLOAT_TYPES, ValueType, decode_registers, unpack_words
from sealbus.samples import Reason, SampleValue

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.plant.tags import Tag

__all__ = ["Conversion", "NoValue", "Raw", "build_conversion", "build_scaling", "divisor_of"]

Raw: TypeAlias = bool | int | float | bytes
"""A number or a bit; a string, or what has to be decoded further, as its bytes in the order of reading."""

Conversion: TypeAlias = "Callable[[Raw], SampleValue]"

_SIGNED_BITS: Final = {ValueType.INT16: 16, ValueType.INT32: 32, ValueType.INT64: 64}
_MAX_WHOLE: Final = 2**64


class NoValue(Exception):
    """The registers hold no value of this tag; `reason` is why. Normal operation: a device may answer so every second."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


_NOT_AVAILABLE: Final = NoValue(Reason.NOT_AVAILABLE)
_NOT_DECODABLE: Final = NoValue(Reason.NOT_DECODABLE)


def build_conversion(tag: Tag) -> Conversion:
    """The function from raw value to value.

    Built from the last step to the first: each step wraps those after it. A raw value is compared with the sentinels, then
    checked to be finite or decoded from BCD, then its bits are taken, and it is scaled last.
    """
    plan = tag.plan
    convert = build_scaling(tag)
    if tag.is_bit_of_table:
        return convert
    if plan.bit is not None:
        convert = _of_bits(plan.bit, plan.bit_width, convert)
    if tag.type is ValueType.STRING:
        return _text(tag)
    if tag.type in BCD_TYPES:
        convert = _bcd(tag.type, convert)
    if tag.type in FLOAT_TYPES:
        convert = _finite(convert)
    return _unless_sentinel(tag, convert)


def build_scaling(tag: Tag) -> Conversion:
    """The last step alone: scale and offset, or the linear range."""
    plan = tag.plan
    ends = (plan.raw_low, plan.raw_high, plan.scaled_low, plan.scaled_high)
    if None not in ends:
        return _linear(*(each or 0.0 for each in ends))
    scale, offset = float(plan.scale), float(plan.offset)
    if scale == 1 and offset == 0:
        return _as_it_is
    if divisor := divisor_of(scale):
        return lambda raw: _checked(raw / divisor + offset)  # type: ignore[operator]  # numbers only, see compile_tag
    if scale.is_integer() and offset.is_integer() and tag.type not in FLOAT_TYPES:
        whole_scale, whole_offset = int(scale), int(offset)
        return lambda raw: _whole(raw * whole_scale + whole_offset)  # type: ignore[operator, arg-type]
    return lambda raw: _checked(raw * scale + offset)  # type: ignore[operator]


def _linear(raw_low: float, raw_high: float, low: float, high: float) -> Conversion:
    rise, run = high - low, raw_high - raw_low
    return lambda raw: _checked(low + (raw - raw_low) * rise / run)  # type: ignore[operator]


def divisor_of(scale: float) -> int:
    """The whole number that a scale such as 0.1 divides by; 0 where there is none."""
    divisor = round(1 / scale) if abs(scale) < 1 else 0  # finite, see tag_rules
    return divisor if divisor and 1 / divisor == scale else 0


def _as_it_is(raw: Raw) -> SampleValue:
    return raw  # type: ignore[return-value]  # bytes never come here


def _checked(value: float) -> float:
    if math.isfinite(value):
        return value
    raise _NOT_DECODABLE


def _whole(value: int) -> int | float:
    if -_MAX_WHOLE < value < _MAX_WHOLE:
        return value
    try:
        return float(value)
    except OverflowError:
        raise _NOT_DECODABLE from None


def _of_bits(bit: int, width: int | None, convert: Conversion) -> Conversion:
    if width is None:
        return lambda raw: bool(raw >> bit & 1)  # type: ignore[operator]
    mask = (1 << width) - 1
    return lambda raw: convert(raw >> bit & mask)  # type: ignore[operator]


def _finite(convert: Conversion) -> Conversion:
    def converted(raw: Raw) -> SampleValue:
        if math.isfinite(raw):  # type: ignore[arg-type]
            return convert(raw)
        raise _NOT_DECODABLE

    return converted


def _bcd(value_type: ValueType, convert: Conversion) -> Conversion:
    def converted(raw: Raw) -> SampleValue:
        try:
            (value,) = decode_registers(unpack_words(raw), value_type)  # type: ignore[arg-type]  # bytes, see the decoder
        except PeerError:
            raise _NOT_DECODABLE from None
        return convert(value)  # type: ignore[arg-type]

    return converted


def _text(tag: Tag) -> Conversion:
    is_sunspec = tag.plan.sunspec or bool(tag.plan.sunspec_type)
    sunspec_text = SUNSPEC_TYPES[tag.plan.sunspec_type].text if tag.plan.sunspec_type else None
    decode_text = sunspec_text or (sunspec_string if is_sunspec else _characters)

    def converted(raw: Raw) -> SampleValue:
        text = decode_text(raw)  # type: ignore[arg-type]  # bytes, see the decoder
        if is_sunspec and not text:
            raise _NOT_AVAILABLE
        return text

    return converted


def _characters(raw: bytes) -> str:
    try:
        (text,) = decode_registers(unpack_words(raw), ValueType.STRING)
    except PeerError:
        raise _NOT_DECODABLE from None
    return str(text)


# -- sentinels


def _unless_sentinel(tag: Tag, convert: Conversion) -> Conversion:
    sentinels, has_nan = _sentinels(tag)
    if not sentinels and not has_nan:
        return convert
    highest = _highest_bit(tag)

    def converted(raw: Raw) -> SampleValue:
        if raw in sentinels or (has_nan and _is_nan(raw)) or (highest and raw & highest):  # type: ignore[operator]
            raise _NOT_AVAILABLE
        return convert(raw)

    return converted


def _sentinels(tag: Tag) -> tuple[frozenset[Raw], bool]:
    plan = tag.plan
    listed: tuple[int | float, ...] = plan.sentinels
    if plan.sunspec_type:
        listed += SUNSPEC_TYPES[plan.sunspec_type].sentinels
    elif plan.sunspec and tag.type is ValueType.BIT:
        listed += SUNSPEC_TYPES["uint16"].sentinels
    elif plan.sunspec and tag.type in SUNSPEC_TYPES:
        listed += SUNSPEC_TYPES[tag.type].sentinels
    numbers = {each for each in listed if not _is_nan(each)}
    bits = _SIGNED_BITS.get(tag.type)
    if bits is not None:
        numbers = {_as_signed(each, bits) for each in numbers}
    values: set[Raw] = set(numbers)
    if tag.type in BCD_TYPES:  # compared as the pattern that the registers hold
        values = {
            int(each).to_bytes(2 * tag.place.count, "big")
            for each in numbers
            if 0 <= each < 1 << 16 * tag.place.count and each == int(each)
        }
    return frozenset(values), any(_is_nan(each) for each in listed)


def _is_nan(raw: Raw) -> bool:
    """Only NaN differs from itself. Unlike `math.isnan` this takes bytes, and integers of any size."""
    return raw != raw


def _as_signed(number: float, bits: int) -> int | float:
    """The signed number with the same bits, where the sentinel is given as the unsigned one (0x8000 for int16)."""
    return number - (1 << bits) if 1 << bits - 1 <= number < 1 << bits else number


def _highest_bit(tag: Tag) -> int:
    """The bit of a SunSpec bit field that makes all others invalid; 0 where there is none."""
    found = SUNSPEC_TYPES.get(tag.plan.sunspec_type)
    return 1 << 16 * tag.place.count - 1 if found is not None and found.is_bit_field else 0
