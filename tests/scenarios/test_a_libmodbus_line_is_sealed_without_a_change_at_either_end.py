"""An unchanged libmodbus application and an unchanged libmodbus device communicate through a wrap and a gateway.

Where its role allows a request, the application gets the same result as from the device itself, including the errno.
A request that the role does not allow is EMBXILFUN and does not reach the device.
"""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from scenarios.programs import Done, Programs, compile_program, run, run_sealbus
from scenarios.sealed_line import SealedLine, open_sealed_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scenarios.programs import Program

pytestmark = pytest.mark.needs("gcc", "pkg-config", "libmodbus")

CONVERSATION = (
    (1, "coils 0 4", "ok 0 0 0 0"),
    (2, "inputs 0 9", "ok 1 0 0 1 0 0 1 0 0"),
    (3, "holding 0 3", "ok 0 0 0"),
    (4, "input 97 3", "ok 1097 1098 1099"),
    (5, "set_coil 3 1", "ok"),
    (15, "set_coils 0 1 0 1", "ok"),
    (1, "coils 0 5", "ok 1 0 1 1 0"),
    (5, "set_coil 3 0", "ok"),
    (1, "coils 3 1", "ok 0"),
    (6, "set 7 65535", "ok"),
    (16, "set_many 8 1 2 3", "ok"),
    (3, "holding 6 6", "ok 0 65535 1 2 3 0"),
    (22, "mask 9 0xf2 0x25", "ok"),
    (3, "holding 9 1", "ok 7"),
    (23, "exchange 20 19 4 11 12", "ok 0 11 12 0"),
    (3, "holding 0 32", "ok" + " 0" * 7 + " 65535 1 7 3" + " 0" * 9 + " 11 12" + " 0" * 10),
    (3, "holding 300 125", "ok" + " 0" * 125),
)
"""The usual function codes: number, command, and the answer of a fresh device.

Function 22 makes (2 and F2) or (25 and not F2) of the 2 in register 9.
"""
ERRNOS = ("EMBXILFUN", "EMBXILADD", "EMBXILVAL", "EMBXSFAIL", "EMBXACK", "EMBXSBUSY", "EMBXNACK", "EMBXMEMPAR")
"""The errno names of libmodbus for the exceptions 1 to 8."""
MARKER = "request unit 5 function 2"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    for name in ("application", "device"):
        compile_program(name, folder)
    return folder


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[SealedLine]:
    with open_sealed_line(tmp_path_factory.mktemp("line"), compiled / "device") as line:
        yield line


@pytest.fixture
def programs() -> Iterator[Programs]:
    with Programs() as programs:
        yield programs


@pytest.fixture
def operator(line: SealedLine, programs: Programs, compiled: Path) -> Program:
    application = programs.start("operator", compiled / "application", line.wrap("operator"))
    requests_at_device(line, application)
    return application


@pytest.fixture
def viewer(line: SealedLine, programs: Programs, compiled: Path) -> Program:
    return programs.start("viewer", compiled / "application", line.wrap("viewer"))


def requests_at_device(line: SealedLine, operator: Program) -> list[str]:
    """The requests that reached the device since the last call. A marker request marks their end."""
    assert [operator.request(each) for each in ("unit 5", "inputs 0 1", "unit 1")] == ["ok", "ok 1", "ok"]
    return list(iter(line.device.read_line, MARKER))


def test_without_sealbus_each_function_has_this_result(programs: Programs, compiled: Path) -> None:
    port = programs.start("device", compiled / "device").wait_for(r"port (\d+)")[1]
    application = programs.start("application", compiled / "application", port)
    for _, command, answer in CONVERSATION:
        assert (command, application.request(command)) == (command, answer)


def test_through_wrap_and_gateway_each_function_has_the_same_result(line: SealedLine, operator: Program) -> None:
    for _, command, answer in CONVERSATION:
        assert (command, operator.request(command)) == (command, answer)
    assert requests_at_device(line, operator) == [f"request unit 1 function {number}" for number, *_ in CONVERSATION]


def test_exceptions_of_the_device_reach_the_application_unchanged(line: SealedLine, operator: Program) -> None:
    for code, name in enumerate(ERRNOS, start=1):
        assert operator.request(f"input {500 + code} 1") == f"error {name}"
    assert operator.request("holding 490 11") == "error EMBXILADD"
    assert operator.request("input 510 1") == "error EMBXGPATH"
    assert operator.request("input 511 1") == "error EMBXGTAR"
    assert len(requests_at_device(line, operator)) == len(ERRNOS) + 3


@pytest.mark.parametrize(
    "denied",
    [
        "set_coil 3 1",
        "set 7 1",
        "set_coils 0 1 1",
        "set_many 8 1 2",
        "mask 9 0 0",
        "exchange 20 19 4 11",
        "identify",
    ],
)
def test_a_request_that_a_viewer_may_not_make_is_an_illegal_function_and_is_not_forwarded(
    line: SealedLine, operator: Program, viewer: Program, denied: str
) -> None:
    assert viewer.request(denied) == "error EMBXILFUN"
    assert requests_at_device(line, operator) == []
    assert viewer.request("input 0 2") == "ok 1000 1001"
    assert requests_at_device(line, operator) == ["request unit 1 function 4"]


@pytest.mark.parametrize(
    ("allowed", "denied"),
    [
        ("set 100 1000", "set 100 1001"),
        ("set_many 101 0 1000", "set_many 101 0 1001"),
        ("exchange 103 100 1 5 6", "exchange 103 100 1 5 1001"),
        ("set 110 65486", "set 110 65485"),
        ("set_many 111 50 65535", "set_many 111 51 65535"),
        ("set_many 48 1 2", "set_many 48 1 2 3"),
        ("set_many 108 1 2", "set_many 109 1 1001"),
    ],
)
def test_values_and_registers_outside_the_limits_are_denied_whole(
    line: SealedLine, operator: Program, allowed: str, denied: str
) -> None:
    assert operator.request(allowed).startswith("ok")
    assert len(requests_at_device(line, operator)) == 1
    before = operator.request("holding 40 85")
    assert operator.request(denied) == "error EMBXILFUN"
    assert operator.request("holding 40 85") == before
    assert requests_at_device(line, operator) == ["request unit 1 function 3"] * 2


def test_a_unit_without_a_device_is_a_missing_path(line: SealedLine, operator: Program) -> None:
    assert [operator.request(each) for each in ("unit 9", "holding 0 1", "set 7 1")] == [
        "ok",
        "error EMBXGPATH",
        "error EMBXGPATH",
    ]
    assert requests_at_device(line, operator) == []


def test_a_unit_outside_the_role_is_denied(operator: Program) -> None:
    assert [operator.request(each) for each in ("unit 11", "holding 0 1")] == ["ok", "error EMBXILFUN"]


def test_a_silent_device_is_reported_and_its_late_answer_is_dropped(line: SealedLine, operator: Program) -> None:
    line.device.process.send_signal(signal.SIGSTOP)
    try:
        assert operator.request("input 3 1") == "error EMBXGTAR"
    finally:
        line.device.process.send_signal(signal.SIGCONT)
    assert operator.request("input 4 1") == "ok 1004"
    assert operator.request("inputs 3 1") == "ok 1"
    assert requests_at_device(line, operator)[0] == "request unit 1 function 4"


def test_the_device_identifies_itself(operator: Program) -> None:
    version = run("pkg-config", "--modversion", "libmodbus").stdout.strip()
    identification = " ".join(str(ord(each)) for each in f"LMB{version}")
    assert operator.request("identify") == f"ok 180 255 {identification}"


def test_every_write_and_every_denial_is_recorded(line: SealedLine, operator: Program, viewer: Program) -> None:
    assert operator.request("set 33 1") == "ok"
    assert viewer.request("set 33 2") == "error EMBXILFUN"
    shown = run_sealbus("audit", "show", line.records, "--json", "--last", "12").stdout.splitlines()
    events = [json.loads(each) for each in shown]
    (requested,) = [each for each in events if each["kind"] == "write_requested" and each.get("address") == 33]
    (outcome,) = [each for each in events if each.get("request") == requested["sequence"]]
    (denied,) = [each for each in events if each["kind"] == "denied" and each.get("address") == 33]
    assert (requested["role"], requested["subject"], requested["values"]) == ("Operator", "CN=operator", [1])
    assert outcome["outcome"] == "done"
    assert (denied["role"], denied["subject"], denied["function"]) == ("Viewer", "CN=viewer", 6)
    assert run_sealbus("audit", "verify", line.records).status == 0


@pytest.mark.needs("mbpoll")
def test_mbpoll_reads_and_writes_through_the_line(line: SealedLine) -> None:
    def mbpoll(role: str, *words: str) -> Done:
        return run("mbpoll", "-0", "-1", "-p", line.wrap(role), "127.0.0.1", *words)

    assert "[5]: \t1005\n[6]: \t1006\n" in mbpoll("viewer", "-t", "3", "-r", "5", "-c", "2").stdout
    assert "Written 2 references" in mbpoll("operator", "-t", "4", "-r", "44", "77", "78").stdout
    assert "[44]: \t77\n[45]: \t78\n" in mbpoll("viewer", "-t", "4", "-r", "44", "-c", "2").stdout
    assert "Written 1 references" in mbpoll("operator", "-t", "0", "-r", "20", "1").stdout
    assert "[20]: \t1\n" in mbpoll("viewer", "-t", "0", "-r", "20", "-c", "1").stdout
    refused = mbpoll("viewer", "-t", "4", "-r", "44", "1")
    assert (refused.status, "Illegal function" in refused.output) == (1, True)
    assert "[44]: \t77\n" in mbpoll("viewer", "-t", "4", "-r", "44", "-c", "1").stdout
