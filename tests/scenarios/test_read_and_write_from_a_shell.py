"""`sealbus read` and `sealbus write` for people and scripts: decoded values, an exit status, one clear line of error.

Status 0: done. 1: the operation failed (device, denial, time-out). 2: wrong usage or configuration; then stdout is
empty and stderr is one line with the problem and a hint.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer

import pki
from scenarios.plant import open_plant
from scenarios.programs import Done, run_sealbus
from scenarios.pymodbus_peers import pymodbus_device, serving
from scenarios.serial_line import RtuDevice
from sealbus.cli.app import run as run_verb
from sealbus.records import Denied, WriteRequested
from unit.transport.openssh import running_bastion

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from scenarios.plant import Plant

POLICY = """
[[role]]
name = "Operator"
[[role.allow]]
units = "1-10"
read = ["coils", "discrete", "holding", "input"]
write = ["coils:0-49", "holding:0-299"]
[[role.allow]]
units = "1-10"
write = ["holding:300-309"]
max = 100

[[role]]
name = "Viewer"
[[role.allow]]
units = "1-10"
read = ["holding:0-299"]
"""
DONE, FAILED, WRONG_USAGE = 0, 1, 2


async def run_here(*words: object) -> Done:
    """Run a verb as the command does, but in a thread of this process, which is faster than a new interpreter."""

    def run() -> Done:
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.object(sys, "argv", ["sealbus", *map(str, words)]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            run_verb()
        return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    return await asyncio.to_thread(run)


def assert_fails(done: Done, status: int, *parts: str) -> None:
    """The command ended with `status`, no stdout, and one line on stderr that contains these parts."""
    assert (done.status, done.stdout) == (status, ""), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("sealbus: ")
    for part in parts:
        assert part in line, line


@dataclass
class Shell:
    """Run verbs against a plant whose device is a pymodbus server."""

    plant: Plant

    async def read(self, *words: object, role: str = "Operator") -> Done:
        return await run_here("read", self.plant.url, *self.credentials(role), *words)

    async def write(self, *words: object, role: str = "Operator") -> Done:
        return await run_here("write", self.plant.url, *self.credentials(role), *words)

    async def does(self, verb: str, *words: object) -> str:
        """Run a verb as an operator; it must succeed. Returns its output."""
        done = await run_here(verb, self.plant.url, *self.credentials("Operator"), *words)
        assert (done.status, done.stderr) == (DONE, ""), done
        return done.stdout

    def credentials(self, role: str) -> list[str]:
        certificate, key = self.plant.folder / f"{role}.crt", self.plant.folder / f"{role}.key"
        if not certificate.exists():
            pki.make_leaf(self.plant.root, role=role).save(self.plant.folder, role)
        return ["--certificate", str(certificate), "--key", str(key), "--trust", str(self.plant.folder / "ca.crt")]

    def instead_of(self, option: str, value: object) -> list[str]:
        """The options of an operator with another value for one option."""
        words = self.credentials("Operator")
        words[words.index(option) + 1] = str(value)
        return words


async def test_a_write_through_a_gateway_that_gets_no_answer_is_told_to_be_unknown(tmp_path: Path) -> None:
    async with open_plant(tmp_path, policy=POLICY, device="timeout = 0.3") as plant:
        shell = Shell(plant)
        plant.device.answer = lambda request: None
        unknown = (
            "exception 0B to function 6: gateway target device failed to respond; the write may or may not have been"
        )
        assert_fails(await shell.write("holding:10", 5), FAILED, unknown)
        assert len(plant.device.writes) == 1
        refused = await shell.read("holding:10")
        assert_fails(refused, FAILED, "exception 0B to function 3")
        assert "may or may not" not in refused.stderr


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    server = ModbusTcpServer([pymodbus_device()], address=("127.0.0.1", 0))
    async with (
        serving(server) as port,
        open_plant(tmp_path, policy=POLICY, device=f'url = "tcp://127.0.0.1:{port}"') as plant,
    ):
        yield Shell(plant)


# -- done


async def test_registers_and_coils_are_written_and_read_back(shell: Shell) -> None:
    assert await shell.does("write", "holding:10", 42) == "written: holding:10 = 42\n"
    assert await shell.does("read", "holding:10") == "42\n"
    assert await shell.does("write", "holding:11", 1, 0x10, 65535) == "written: holding:11 = 1 16 65535\n"
    assert (
        await shell.does("read", "holding:10-13")
        == "holding:10\t42\nholding:11\t1\nholding:12\t16\nholding:13\t65535\n"
    )
    assert await shell.does("write", "coils:3", "on") == "written: coils:3 = on\n"
    assert await shell.does("write", "coils:5", "on", "0", "true") == "written: coils:5 = on off on\n"
    assert await shell.does("read", "coils:3") == "on\n"
    assert await shell.does("read", "coils:4-7") == "coils:4\toff\ncoils:5\ton\ncoils:6\toff\ncoils:7\ton\n"
    assert (
        await shell.does("read", "discrete:0-3") == "discrete:0\ton\ndiscrete:1\toff\ndiscrete:2\toff\ndiscrete:3\ton\n"
    )
    assert await shell.does("read", "input:99") == "1099\n"
    assert [write.function for write in shell.plant.records(WriteRequested)] == [6, 16, 5, 15]


async def test_a_string_of_a_device_cannot_control_the_terminal(shell: Shell) -> None:
    hostile = "ok\x1b]0;owned\x07\x1b[2J\r\n\x9b31m"
    raw = hostile.encode() + b"\0" * (20 - len(hostile.encode()) % 2)
    words = [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
    await shell.does("write", "holding:30", *words)
    place = f"holding:30-{29 + len(words)}"
    assert await shell.does("read", "--type", "string", place) == r"ok\x1b]0;owned\x07\x1b[2J\r\n\x9b31m" + "\n"
    assert json.loads(await shell.does("read", "--json", "--type", "string", place))["value"] == hostile


@pytest.mark.parametrize(
    ("type_", "order", "value", "words"),
    [
        ("int16", "ABCD", "-2", ["65534"]),
        ("uint32", "ABCD", "305419896", ["4660", "22136"]),
        ("uint32", "CDAB", "305419896", ["22136", "4660"]),
        ("uint32", "BADC", "305419896", ["13330", "30806"]),
        ("uint32", "DCBA", "305419896", ["30806", "13330"]),
        ("int32", "cdab", "-2", ["65534", "65535"]),
        ("uint64", "ABCD", "18446744073709551615", ["65535"] * 4),
        ("int64", "CDAB", "-2", ["65534", "65535", "65535", "65535"]),
        ("float32", "ABCD", "-1.5", ["49088", "0"]),
        ("float32", "CDAB", "-1.5", ["0", "49088"]),
        ("float64", "ABCD", "0.1", ["16313", "39321", "39321", "39322"]),
        ("bcd16", "ABCD", "1234", ["4660"]),
        ("bcd32", "ABCD", "12345678", ["4660", "22136"]),
        ("string", "ABCD", "Pump 7", ["20597", "28016", "8247"]),
    ],
)
async def test_a_typed_value_is_written_to_the_registers_of_its_type_and_order(
    shell: Shell, type_: str, order: str, value: str, words: list[str]
) -> None:
    options = ("--type", type_, "--order", order)
    place = f"holding:20-{19 + len(words)}"
    await shell.does("write", *options, "--", place, value)
    raw = await shell.does("read", f"holding:20-{20 + len(words)}")
    assert [line.split("\t")[1] for line in raw.splitlines()] == [*words, "0"]
    back = await shell.does("read", *options, place)
    assert back.rstrip("\n").removeprefix("holding:20\t") == value
    if type_ != "string":
        assert await shell.does("read", *options, "holding:20") == f"{value}\n"


async def test_a_key_that_others_can_read_is_warned_of(shell: Shell) -> None:
    shell.credentials("Operator")
    key = shell.plant.folder / "Operator.key"
    key.chmod(0o640)
    done = await shell.read("holding:0")
    assert done.status == DONE
    assert done.stderr == f"warning: {key}: the key can be read by other users (mode 640); run chmod 600 {key}\n"


async def test_negative_values_are_given_after_two_dashes(shell: Shell) -> None:
    assert_fails(await shell.write("holding:10", "-5", "--type", "int16"), WRONG_USAGE, "write -- before values")
    printed = await shell.does("write", "holding:10", "--type", "int16", "--", "-5", "-32768")
    assert printed == "written: holding:10 = -5 -32768\n"
    assert await shell.does("read", "holding:10-11", "--type", "int16") == "holding:10\t-5\nholding:11\t-32768\n"


async def test_json_is_one_object_with_values_as_json_has_them(shell: Shell) -> None:
    written = json.loads(await shell.does("write", "--json", "--type", "float32", "holding:20", 0.5, 2))
    assert written == {"place": "holding:20", "unit": 1, "written": [0.5, 2.0]}
    read = json.loads(await shell.does("read", "--json", "--type", "float32", "holding:20-23"))
    assert read == {"place": "holding:20-23", "unit": 1, "type": "float32", "value": [0.5, 2.0]}
    assert json.loads(await shell.does("read", "--json", "holding:22"))["value"] == 16384
    await shell.does("write", "coils:1", "on")
    coils = {"place": "coils:0-2", "unit": 1, "type": "bit", "value": [False, True, False]}
    assert json.loads(await shell.does("read", "--json", "coils:0-2")) == coils


# -- failed: 1


async def test_a_denial_ends_with_1_and_prints_illegal_function(shell: Shell) -> None:
    await shell.does("write", "holding:10", 1)
    assert_fails(await shell.write("holding:10", 2, role="Viewer"), FAILED, "exception 01", "illegal function")
    assert_fails(await shell.read("input:10", role="Viewer"), FAILED, "exception 01")
    assert_fails(await shell.write("holding:300", 101), FAILED, "exception 01")
    assert_fails(await shell.read("holding:10", "--unit", 11), FAILED, "exception 01")
    assert (await shell.read("holding:10", role="Viewer")).stdout == "1\n"
    assert [(each.role, each.function) for each in shell.plant.records(Denied)] == [
        ("Viewer", 6),
        ("Viewer", 4),
        ("Operator", 6),
        ("Operator", 3),
    ]


async def test_an_exception_of_the_device_ends_with_1_and_is_named(shell: Shell) -> None:
    assert_fails(await shell.read("holding:600"), FAILED, "exception 02", "illegal data address")


async def test_an_unreachable_or_untrusted_server_ends_with_1(shell: Shell, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert_fails(await run_here("read", f"tcp://127.0.0.1:{port}", "holding:1"), FAILED, "connection refused")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert_fails(await run_here("read", url, "holding:1", "--timeout", 0.1), FAILED, "did not answer in time")
        assert_fails(
            await run_here("write", url, "holding:1", 5, "--timeout", 0.1),
            FAILED,
            "may or may not have been carried out",
        )
    other = pki.save_trust(tmp_path / "other.crt", pki.make_root("Another root"))
    words = ("holding:10", *shell.instead_of("--trust", other))
    assert_fails(await run_here("read", shell.plant.url, *words), FAILED, "authority")
    url = f"{shell.plant.url}?name=plant.example"
    assert_fails(
        await run_here("read", url, "holding:10", *shell.credentials("Operator")),
        FAILED,
        "its certificate is for another host: ",
        f"it must name plant.example, or, if that is the device you mean, write {shell.plant.url}?name=",
    )
    stranger = pki.make_leaf(pki.make_root("Another root"), role="Operator").save(tmp_path, "stranger")
    words = ("--certificate", str(stranger[0]), "--key", str(stranger[1]), "--trust", str(tmp_path / "ca.crt"))
    assert_fails(await run_here("read", shell.plant.url, "holding:10", *words), FAILED, "does not trust")


# -- wrong usage or configuration: 2


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("read", "holding:x"), ("holding:x",)),
        (("read", "40101"), ("40101 is holding:100",)),
        (("read", "30001-30010"), ("30001-30010 is input:0-9",)),
        (("write", "holding:400101", "1"), ("holding:400101 is holding:100",)),
        (("read", "holding:9-3"), ("holding:9-3",)),
        (("read", "holding:65530-65540"), ("65535",)),
        (("read", "registers:1"), ("registers", "holding")),
        (("read", "holding:0-199"), ("125",)),
        (("read", "holding:0-2", "--type", "int32"), ("int32",)),
        (("read", "holding:0", "--type", "int33"), ("int33", "int32")),
        (("read", "holding:0", "--order", "ACBD"), ("ACBD", "CDAB")),
        (("read", "holding:0", "--unit", "256"), ("--unit", "255")),
        (("read", "holding:0", "--unti", "1"), ("--unti", "--unit")),
        (("read",), ("place",)),
        (("write", "holding:0"), ("values",)),
        (("write", "input:0", "1"), ("input", "cannot be written")),
        (("write", "discrete:0", "1"), ("discrete", "cannot be written")),
        (("write", "holding:0", "65536"), ("65536", "uint16")),
        (("write", "holding:0", "1.5"), ("1.5", "uint16")),
        (("write", "holding:0", "one"), ("one", "uint16")),
        (("write", "holding:0", "--type", "float32", "1e39"), ("1e+39", "float32")),
        (("write", "holding:0", "--type", "bcd16", "10000"), ("10000", "bcd16")),
        (("write", "holding:0-2", "1", "2"), ("holding:0-2", "3", "2")),
        (("write", "coils:0", "2"), ("2", "on or off")),
        (("write", "holding:0", *["1"] * 124), ("123",)),
    ],
)
async def test_invalid_arguments_are_reported_before_anything_is_sent(
    shell: Shell, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    verb, *rest = words
    assert_fails(await run_here(verb, shell.plant.url, *shell.credentials("Operator"), *rest), WRONG_USAGE, *parts)
    assert shell.plant.records(WriteRequested) == []


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://127.0.0.1", ("http", "mbaps")),
        ("127.0.0.1", ("127.0.0.1", "://")),
        ("tcp://", ("tcp://",)),
        ("tcp://127.0.0.1/1", ("/1",)),
        ("mbaps://127.0.0.1:802?nmae=x", ("nmae", "name")),
        ("rtu:///dev/ttyS0?buad=9600", ("buad", "baud")),
        ("ssh+tcp://127.0.0.1/plc", ("user",)),
    ],
)
async def test_an_invalid_endpoint_is_reported(url: str, parts: tuple[str, ...]) -> None:
    assert_fails(await run_here("read", url, "holding:0"), WRONG_USAGE, *parts)


async def test_mbaps_without_certificate_key_or_trust_names_what_is_missing(shell: Shell, tmp_path: Path) -> None:
    url, own = shell.plant.url, shell.credentials("Operator")
    certificate, key, trust = own[:2], own[2:4], own[4:]
    for words, part in (
        ((), "--certificate"),
        (certificate + trust, "--key"),
        (key + trust, "--certificate"),
        (certificate + key, "--trust"),
    ):
        assert_fails(await run_here("read", url, "holding:0", *words), WRONG_USAGE, part)
    missing, broken = tmp_path / "missing.key", tmp_path / "broken.crt"
    broken.write_text("no certificate")
    for option, file in (
        ("--certificate", broken),
        ("--trust", broken),
        ("--key", tmp_path / "ca.crt"),
    ):
        assert_fails(await run_here("read", url, "holding:0", *shell.instead_of(option, file)), WRONG_USAGE, str(file))
    for option in ("--certificate", "--key", "--trust"):
        words = shell.instead_of(option, missing)
        assert_fails(
            await run_here("read", url, "holding:0", *words), WRONG_USAGE, f"{option}: {missing} cannot be read"
        )
    for option in ("--crl", "--passphrase-file"):
        words = [*own, option, str(missing)]
        assert_fails(
            await run_here("read", url, "holding:0", *words), WRONG_USAGE, f"{option}: {missing} cannot be read"
        )
    shell.credentials("Viewer")
    other_key = shell.instead_of("--key", tmp_path / "Viewer.key")
    assert_fails(await run_here("read", url, "holding:0", *other_key), WRONG_USAGE, "does not belong")


async def test_plain_modbus_to_a_tls_port_is_named(shell: Shell) -> None:
    plain = shell.plant.url.replace("mbaps://", "tcp://")
    assert_fails(await run_here("read", plain, "holding:0"), FAILED, plain, f"expects TLS, write {shell.plant.url}")


async def test_an_alert_in_answer_to_plain_modbus_is_named() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(12)
        writer.write(bytes.fromhex("15030100020246"))  # fatal, protocol_version: what other TLS servers send
        await writer.drain()
        await reader.read()  # until the client closes
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert_fails(
            await run_here("read", url, "holding:0"), FAILED, "this is an alert of TLS: the port expects mbaps"
        )


async def test_certificates_for_a_plain_endpoint_are_refused(shell: Shell) -> None:
    words = ("tcp://127.0.0.1:1", "holding:0", *shell.credentials("Operator"))
    assert_fails(await run_here("read", *words), WRONG_USAGE, "mbaps")


# -- every endpoint


async def test_the_verbs_reach_devices_over_every_kind_of_endpoint(tmp_path: Path) -> None:
    async with RtuDevice() as line:
        assert (await run_here("write", line.url, "holding:5", 77, "--unit", 9)).status == DONE
        assert await run_here("read", line.url, "holding:4-5", "--unit", 9) == Done(
            DONE, "holding:4\t904\nholding:5\t77\n", ""
        )
        assert (await run_here("write", line.url, "holding:5", 1, "--unit", 0)).status == DONE
        assert_fails(await run_here("read", line.url, "holding:5", "--unit", 0), WRONG_USAGE, "can only write")
    place = ("127.0.0.1", 0)
    for scheme, framer in (("tcp", FramerType.SOCKET), ("rtu+tcp", FramerType.RTU)):
        async with serving(ModbusTcpServer([pymodbus_device(3)], framer=framer, address=place)) as port:
            url = f"{scheme}://127.0.0.1:{port}"
            assert await run_here("read", url, "input:7", "--unit", 3) == Done(DONE, "1007\n", "")


@pytest.mark.needs("sshd")
async def test_the_verbs_reach_a_device_behind_an_ssh_server() -> None:
    with running_bastion() as bastion:
        async with serving(ModbusTcpServer([pymodbus_device()], address=("127.0.0.1", 0))) as port:
            known = bastion.url(f"127.0.0.1:{port}")
            assert await run_here("read", known, "input:7") == Done(DONE, "1007\n", "")
            changed = bastion.url(f"127.0.0.1:{port}", known_hosts="changed_hosts")
            assert_fails(await run_here("read", changed, "input:7"), FAILED, "the connection is intercepted")


async def test_it_works_the_same_as_a_separate_program(shell: Shell) -> None:
    own = shell.credentials("Operator")
    url = shell.plant.url
    read, denied, wrong = await asyncio.gather(
        asyncio.to_thread(run_sealbus, "read", url, "input:7", *own),
        asyncio.to_thread(run_sealbus, "write", url, "holding:300", 101, *own),
        asyncio.to_thread(run_sealbus, "read", url, "holding:x", *own),
    )
    assert read == Done(DONE, "1007\n", "")
    assert_fails(denied, FAILED, "exception 01")
    assert_fails(wrong, WRONG_USAGE, "holding:x")
