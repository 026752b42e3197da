"""`sealbus check` and `sealbus ca show`: names, role, dates and suites, and what would be refused before it is."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import pki
from scenarios.plant import open_plant
from scenarios.programs import run_sealbus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from scenarios.plant import Plant
    from scenarios.programs import Done

POLICY = '[[role]]\nname = "Operator"\n[[role.allow]]\nunits = 1\nread = ["holding"]\n'


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, policy=POLICY) as running:
        yield running


async def check(plant: Plant, *words: object, credential: pki.Credential | None = None) -> Done:
    own: list[object] = []
    if credential is not None:
        certificate, key = credential.save(plant.folder, "own")
        own = ["--certificate", certificate, "--key", key, "--trust", plant.folder / "ca.crt"]
    return await asyncio.to_thread(run_sealbus, "check", plant.url, *words, *own)


async def test_a_server_and_an_own_certificate_that_accept_each_other(plant: Plant) -> None:
    done = await check(plant, credential=pki.make_leaf(plant.root, role="Operator"))
    assert (done.status, done.stderr) == (0, "")
    for line in (
        "hosts:       127.0.0.1, localhost",
        'role:        "Operator"',
        "use:         client",
        "accepted: each side accepts the certificate of the other",
    ):
        assert line in done.stdout.splitlines()
    assert "TLS 1.2:     ECDHE-ECDSA-AES128-GCM-SHA256, " in done.stdout
    assert "TLS 1.3:     TLS_" in done.stdout
    assert "refused" not in done.stdout
    assert plant.device.requests == []


async def test_without_own_files_the_server_is_shown_and_nothing_is_said_of_trust(plant: Plant) -> None:
    done = await check(plant)
    assert (done.status, done.stderr) == (0, "")
    assert "hosts:       127.0.0.1, localhost" in done.stdout
    assert "not checked: who trusts whom" in done.stdout


async def test_each_refusal_is_told_and_ends_with_1(plant: Plant) -> None:
    stranger = await check(plant, credential=pki.make_leaf(pki.make_root("Another root"), role="Operator"))
    assert stranger.status == 1
    assert "refused: " in stranger.stdout
    assert "does not trust its authority" in stranger.stdout
    server_only = await check(plant, credential=pki.make_leaf(plant.root, usages=[pki.SERVER]))
    assert server_only.status == 1
    assert "refused by:  servers: its extended key usage lacks clientAuth" in server_only.stdout
    named = await asyncio.to_thread(
        run_sealbus,
        "check",
        f"{plant.url}?name=plant.example",
        *("--certificate", plant.folder / "own.crt", "--key", plant.folder / "own.key"),
        *("--trust", plant.folder / "ca.crt"),
    )
    assert named.status == 1
    assert "its certificate is for another host: 127.0.0.1, localhost" in named.stdout


async def test_a_suite_that_needs_a_switch_is_shown_with_it(tmp_path: Path) -> None:
    leaf = pki.make_leaf(None, "old device", hosts=["127.0.0.1"], authority=True, key=pki.rsa_key())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA256")
    context.load_cert_chain(*leaf.save(tmp_path, "old"))

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", 0, ssl=context) as server:
        url = f"mbaps://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        done = await asyncio.to_thread(run_sealbus, "check", url)
    assert (done.status, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "TLS 1.3:     not supported" in lines
    assert "TLS 1.2:     AES128-SHA256 (only with unsafe_v21_cbc)" in lines
    assert "refused by:  everybody: the certificate of an authority cannot identify a device or a person" in lines


async def test_what_is_no_mbaps_server_is_an_error(plant: Plant) -> None:
    plain = await asyncio.to_thread(run_sealbus, "check", "tcp://127.0.0.1:1")
    assert (plain.status, plain.stderr) == (
        2,
        "sealbus: URL: tcp://127.0.0.1:1 has no TLS to check; write mbaps://HOST\n",
    )
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    gone = await asyncio.to_thread(run_sealbus, "check", f"mbaps://127.0.0.1:{port}")
    assert (gone.status, "connection refused" in gone.stderr) == (1, True)


def test_a_file_is_shown_with_what_would_refuse_it(tmp_path: Path) -> None:
    root = pki.make_root()
    good, _ = pki.make_leaf(root, "plc", role="Operator", hosts=["plc.example"]).save(tmp_path, "good")
    done = run_sealbus("ca", "show", good)
    assert (done.status, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "subject:     CN=plc"
    assert "hosts:       plc.example" in lines
    assert 'role:        "Operator"' in lines
    assert "subject:     CN=Test root" in lines, "the whole chain is shown"
    assert "refused" not in done.stdout
    old = pki.make_leaf(root, role_der=[b"\x0c\x05ab"], not_after=pki.YESTERDAY, usages=[pki.CLIENT])
    shown = run_sealbus("ca", "show", old.save(tmp_path, "old")[0]).stdout
    assert "refused by:  everybody: it has expired" in shown
    assert "use:         client\n" in shown
    assert "role:        none: malformed, " in shown


def test_other_files_are_shown_too_or_named(tmp_path: Path) -> None:
    root = pki.make_root()
    (tmp_path / "ca.crl").write_bytes(pki.make_crl(root, [pki.make_leaf(root)], number=7).public_bytes(Encoding.PEM))
    listed = run_sealbus("ca", "show", tmp_path / "ca.crl").stdout.splitlines()
    assert listed[:2] == ["list of:     CN=Test root", "number:      7"]
    assert listed[3] == "revoked:     1 certificate"
    _, key = pki.make_leaf(root).save(tmp_path, "own")
    done = run_sealbus("ca", "show", key)
    assert (done.status, "the file holds a private key instead" in done.stderr) == (2, True)
    assert run_sealbus("ca", "show", tmp_path / "none").stderr.startswith(
        f"sealbus: {tmp_path}/none: there is no such file"
    )
    (tmp_path / "mixed.crt").write_bytes(pki.make_leaf(root).pem + pki.make_leaf(root).pem)
    mixed = run_sealbus("ca", "show", tmp_path / "mixed.crt").stdout
    assert "refused by:  everybody: the certificate after it, of CN=peer, did not issue it" in mixed
    (tmp_path / "old.crl").write_bytes(pki.make_crl(root, next_update=pki.YESTERDAY).public_bytes(Encoding.PEM))
    assert "refused by:  everybody: it is not in date" in run_sealbus("ca", "show", tmp_path / "old.crl").stdout
