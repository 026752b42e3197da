"""Whose write goes out at once, whose at the end of the turn, and that no connection's writes change places."""

from __future__ import annotations

import asyncio

from sealbus.transport import WriteCoalescer


class Wire(asyncio.WriteTransport):
    """Adds what is written to a list that all share."""

    def __init__(self, name: str, written: list[str]) -> None:
        super().__init__()
        self._name, self._written = name, written

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._written.append(f"{self._name}{bytes(data).decode()}")


async def test_the_first_of_a_turn_is_written_at_once_and_the_others_at_its_end() -> None:
    written: list[str] = []
    wires = [Wire(name, written) for name in "ab"]
    writer = WriteCoalescer(wires)
    for turn in "12":
        writer.write(wires[0], turn.encode())
        writer.write(wires[1], turn.encode())
        assert written[-1] == f"a{turn}"
        await asyncio.sleep(0)
    assert written == ["a1", "b1", "a2", "b2"]


async def test_a_single_connection_is_never_delayed() -> None:
    written: list[str] = []
    wires = [Wire("a", written)]
    writer = WriteCoalescer(wires)
    writer.write(wires[0], b"1")
    writer.write(wires[0], b"2")
    assert written == ["a1", "a2"]


async def test_the_last_connection_of_a_turn_keeps_the_order_of_its_writes() -> None:
    written: list[str] = []
    wires = [Wire(name, written) for name in "ab"]
    writer = WriteCoalescer(wires)
    writer.write(wires[1], b"1")
    writer.write(wires[0], b"1")
    wires.pop()
    writer.write(wires[0], b"2")
    assert written == ["b1"]
    writer.flush()
    assert written == ["b1", "a1", "a2"]
