"""Numbers that a program gives as limits: seconds, counts and switches, refused by name where they cannot be meant.

`in_flight=0` would send nothing for ever, a negative time-out fails each call at once, an endless one never, and a text
fails somewhere later. So they are refused when they are given.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from sealbus.client.channel import ChannelRules

__all__ = ["check_rules", "check_seconds"]

_MAX_SECONDS = 86_400.0
_MAX_COUNT = 100_000
_MAX_OF = {"in_flight": 256}  # far from the 65,536 transaction ids, of which late answers keep some


def check_rules(rules: ChannelRules) -> None:
    """Check each field against the type of its default. ConfigError that names the first wrong one."""
    for field in fields(rules):
        value = getattr(rules, field.name)
        if isinstance(field.default, bool):
            if not isinstance(value, bool):
                raise _wrong(field.name, value, "write True or False")
        elif isinstance(field.default, int):
            most = _MAX_OF.get(field.name, _MAX_COUNT)
            if type(value) is not int or not 1 <= value <= most:
                raise _wrong(field.name, value, f"write a whole number from 1 to {most}")
        elif isinstance(field.default, float):
            check_seconds(field.name, value, may_be_zero="timeout" not in field.name)
    for key, name in (("lenient_transaction_id", "transaction id"), ("lenient_unit_id", "unit id")):
        if getattr(rules, key) and rules.in_flight > 1:
            raise ConfigError(f"a lenient {name} needs in_flight = 1", key=key, hint="set in_flight = 1")


def check_seconds(name: str, value: object, *, may_be_zero: bool = False) -> None:
    """ConfigError unless `value` is a number of seconds up to a day; more than 0 where 0 would mean no time at all."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not 0 <= value <= _MAX_SECONDS or (value == 0 and not may_be_zero):  # type: ignore[operator]
        least = "from 0" if may_be_zero else "above 0"
        raise _wrong(name, value, f"write seconds {least} to {_MAX_SECONDS:.0f}")


def _wrong(name: str, value: object, hint: str) -> ConfigError:
    return ConfigError(f"{value!r} is not valid", key=name, hint=hint)
