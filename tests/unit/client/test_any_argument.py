"""Whatever a program gives to a call, the call sends a request or raises LocalError; nothing else ever comes out."""

from __future__ import annotations

import itertools
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from sealbus.client.blocking_calls import BlockingCalls
from sealbus.client.calls import RequestCache
from sealbus.endpoints import Endpoint, parse_endpoint
from sealbus.errors import LocalError
from sealbus.protocol import ReadCoils

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.protocol import WireRequest


class Sent(Exception):
    """A request would be on the wire now."""


class Calls(BlockingCalls):
    """Sends nothing."""

    _unit_id = 1

    def __init__(self) -> None:
        self._cache = RequestCache()

    @property
    def endpoint(self) -> Endpoint:
        return parse_endpoint("tcp://127.0.0.1:502")

    def _allowed(self, unit: int) -> int:
        return unit

    def _exchange(self, request: WireRequest) -> bytes:
        raise Sent


ANY: tuple[Any, ...] = (
    *(0, 1, -1, 7, 65_535, 65_536, 10**30, True, False, 0.0, 1.0, 1.5, 1e300, float("nan"), float("inf"), 1j),
    *(
        "",
        "0",
        "1",
        "off",
        "holding:0",
        "coils:0-2",
        "holding:0-1",
        "é",
        "\ud800",
        "a\0b",
        b"",
        b"\1",
        bytearray(b"\1"),
    ),
    *(None, [], [1], [1, 0], ["1"], [[1]], (1,), (0, 1), (0, [1]), {}, {1: 1}, {1}, range(2), object(), int, print),
    *(Decimal(1), Decimal("NaN"), Fraction(1, 2), memoryview(b"\1\2"), Ellipsis, NotImplemented),
    *("CDAB", "int16", "float32", "string", "bit", ReadCoils(0, 8)),
)

CALLS: dict[str, Callable[[Calls, Any, Any], object]] = {
    "read_coils": lambda it, a, b: it.read_coils(a, b),
    "read_discrete_inputs": lambda it, a, b: it.read_discrete_inputs(a, b),
    "read_holding_registers": lambda it, a, b: it.read_holding_registers(a, b),
    "read_input_registers": lambda it, a, b: it.read_input_registers(a, 1, unit=b),
    "write_coil": lambda it, a, b: it.write_coil(a, b),
    "write_coil of a unit": lambda it, a, b: it.write_coil(0, a, unit=b),
    "write_register": lambda it, a, b: it.write_register(a, b),
    "write_coils": lambda it, a, b: it.write_coils(a, b),
    "write_coils one by one": lambda it, a, b: it.write_coils(0, [a, b]),
    "write_registers": lambda it, a, b: it.write_registers(a, b),
    "write_registers one by one": lambda it, a, b: it.write_registers(0, [a, b]),
    "mask_write_register": lambda it, a, b: it.mask_write_register(0, a, b),
    "read_write_registers": lambda it, a, b: it.read_write_registers(a, b),
    "read_write_registers in parts": lambda it, a, b: it.read_write_registers((a, 1), (0, b)),
    "read_write_registers in other parts": lambda it, a, b: it.read_write_registers((0, a), (b, [1])),
    "read_fifo_queue": lambda it, a, b: it.read_fifo_queue(a, unit=b),
    "read_file_record": lambda it, a, b: it.read_file_record(a, b, 1),
    "read_file_record of a length": lambda it, a, b: it.read_file_record(1, a, b),
    "write_file_record": lambda it, a, b: it.write_file_record(a, 0, b),
    "write_file_record of a record": lambda it, a, b: it.write_file_record(1, a, [b]),
    "report_server_id": lambda it, a, b: it.report_server_id(unit=a),
    "read_device_identification": lambda it, a, b: it.read_device_identification(a, b),
    "execute": lambda it, a, b: it.execute(a, unit=b),
    "read": lambda it, a, b: it.read(a, type=b),
    "read in an order": lambda it, a, b: it.read("holding:0", type="float32", order=a, unit=b),
    "write": lambda it, a, b: it.write(a, b),
    "write a float": lambda it, a, b: it.write("holding:0-3", a, b, type="float32"),
    "write a number": lambda it, a, b: it.write("holding:0-1", a, b, type="int16"),
    "write a bcd": lambda it, a, b: it.write("holding:0-3", a, b, type="bcd32"),
    "write a string": lambda it, a, b: it.write("holding:0-3", a, type="string", order=b),
    "write bits": lambda it, a, b: it.write("holding:0", a, b, *[0] * 14, type="bit"),
    "write coils": lambda it, a, b: it.write("coils:0-1", a, b),
    "write with a type": lambda it, a, b: it.write("holding:0", 1, type=a, order=b),
    "scan_registers": lambda it, a, b: it.scan_registers(a, unit=b),
    "read_sunspec": lambda it, a, b: it.read_sunspec(a, unit=b),
    "read_sunspec of bases": lambda it, a, b: it.read_sunspec([a, b]),
}
NOTHING_IS_ASKED = ("read_sunspec",)  # of no bases


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_sent_or_refused(name: str) -> None:
    call, outcomes = CALLS[name], set[type]()
    for one, other in itertools.product(ANY, repeat=2):
        try:
            call(Calls(), one, other)
        except (Sent, LocalError) as end:
            outcomes.add(type(end))
        except Exception as error:
            raise AssertionError(f"{name}({one!r}, {other!r}): {error!r}") from error
        else:
            assert name in NOTHING_IS_ASKED, (one, other)
    assert len(outcomes) > 1, "some are sent and some refused"


def test_only_true_false_0_and_1_are_ever_sent_to_a_coil() -> None:
    sent = []
    for value in ANY:
        try:
            Calls().write_coil(0, value)
        except Sent:
            sent.append(value)
        except LocalError:
            continue
    assert [repr(value) for value in sent] == ["0", "1", "True", "False"]


def test_only_whole_numbers_of_16_bits_are_ever_sent_to_a_register() -> None:
    sent = []
    for value in ANY:
        try:
            Calls().write_registers(0, [value])
        except Sent:
            sent.append(value)
        except LocalError:
            continue
    assert [repr(value) for value in sent] == ["0", "1", "7", "65535"]
