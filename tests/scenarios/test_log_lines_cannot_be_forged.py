"""A peer chooses part of the logged text: it stays within its line, and it cannot control a terminal."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from scenarios.gateway_program import GatewayProgram, open_gateway_program
from scenarios.plant import adu, exception, read_holding, words, write_register
from scenarios.programs import run_sealbus
from sealbus.records import Connected, Denied

if TYPE_CHECKING:
    from pathlib import Path

PLAIN_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (info|warning|error) +\S.*")
FORGED = "2026-01-01T00:00:00.000Z info    stopped: SIGTERM"
NAMES = [
    f"op\r\n{FORGED}",
    "op\x1b[2J\x1b[31mred",
    "op\x9b2J\x85next line",
    "op\x00hidden",
    "op\u2028separator\u2029",
    "op\u202eevil\u2066",
    'op", "level": "error',
    "op\x7f\b\b\b",
    "\N{GREEK SMALL LETTER OMEGA}perator",
]


async def work_under(gateway: GatewayProgram, name: str) -> None:
    """Connect with this name in the certificate, read, receive a denial, and close."""
    client = await gateway.connect(name=name)
    assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
    assert await client.request(adu(2, write_register(100, 5000))) == adu(2, exception(6, 1))
    await client.close()


async def end(gateway: GatewayProgram) -> list[str]:
    """Stop the gateway and return its log."""
    gateway.program.process.send_signal(signal.SIGTERM)
    assert await gateway.wait_for_exit() == 0
    await gateway.wait_for_line('stopped: SIGTERM$|stopped: SIGTERM"')
    return gateway.program.lines


def is_harmless(line: str) -> bool:
    return all(each.isprintable() for each in line)


async def test_plain_lines_escape_the_name_of_a_peer(tmp_path: Path) -> None:
    async with open_gateway_program(tmp_path) as gateway:
        for name in NAMES:
            await work_under(gateway, name)
        lines = await end(gateway)
    logged = [line for line in lines if not line.startswith("listening on")]
    assert len([line for line in logged if "connected as" in line]) == len(NAMES)
    assert len([line for line in logged if " denied: " in line]) == len(NAMES)
    assert all(PLAIN_LINE.fullmatch(line) and is_harmless(line) for line in logged), "\n".join(logged)
    assert [line for line in logged if line[33:] == "stopped: SIGTERM"] == [logged[-1]]


async def test_json_lines_are_valid_with_any_name_of_a_peer(tmp_path: Path) -> None:
    async with open_gateway_program(tmp_path, "--log", "json") as gateway:
        for name in NAMES:
            await work_under(gateway, name)
        lines = await end(gateway)
    logged: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert all(entry.keys() == {"time", "level", "logger", "message"} for entry in logged)
    assert {entry["logger"] for entry in logged} == {"sealbus", "sealbus.gateway"}
    assert len([entry for entry in logged if "connected as" in entry["message"]]) == len(NAMES)
    assert all(map(is_harmless, lines))


async def test_the_printed_record_is_escaped_too(tmp_path: Path) -> None:
    async with open_gateway_program(tmp_path) as gateway:
        for name in NAMES:
            await work_under(gateway, name)
        assert len(gateway.records(Denied)) == len(gateway.records(Connected)) == len(NAMES)
        for options in ((), ("--json",)):
            shown = await asyncio.to_thread(run_sealbus, "audit", "show", gateway.folder / "records", *options)
            assert shown.status == 0
            assert shown.stdout.count("\n") == len(gateway.stored)
            assert all(map(is_harmless, shown.stdout.splitlines()))


@pytest.mark.parametrize("role", ["Operator\r\n" + FORGED, "Operator\x1b[0m"])
async def test_a_role_is_printed_escaped(tmp_path: Path, role: str) -> None:
    async with open_gateway_program(tmp_path) as gateway:
        client = await gateway.connect(role=role)
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, exception(3, 1))
        lines = await end(gateway)
    assert all(map(is_harmless, lines))
    assert [line for line in lines if line.startswith(FORGED[:20])] == []
