"""`sealbus gateway --check`: status 2 and one line with file, place, problem and hint; or status 0 if all is fine.

A start of the gateway refuses the same files with the same text. The check opens no socket, listens on none and
writes no file.
"""

from __future__ import annotations

import re
import socket
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import pki
from scenarios.gateway_program import write_gateway_files
from scenarios.programs import Done, run_sealbus
from sealbus.cli.app import run as run_verb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a gateway whose device does not exist: a check does not connect to it."""
    write_gateway_files(tmp_path, device_port=1)
    return tmp_path


@pytest.fixture
def check(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], Done]:
    """Run `sealbus gateway --check` in this process."""

    def checked() -> Done:
        monkeypatch.setattr(sys, "argv", ["sealbus", "gateway", str(folder / "gateway.toml"), "--check"])
        with pytest.raises(SystemExit) as end:
            run_verb()
        captured = capsys.readouterr()
        status = end.value.code or 0
        assert isinstance(status, int)
        return Done(status, captured.out, captured.err)

    return checked


def test_valid_files_are_fine_and_nothing_is_started(folder: Path, check: Callable[[], Done]) -> None:
    before = sorted(folder.iterdir())
    done = check()
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.endswith("fine\n")
    assert sorted(folder.iterdir()) == before, "no folder of records and no lock was created"


def test_a_unit_without_a_rule_is_named(folder: Path, check: Callable[[], Done]) -> None:
    assert "warning" not in check().stdout
    edit(folder, "gateway.toml", 'units = "1-10"', 'units = "1-10,200"')
    assert "names unit 200: every request to it is denied" in check().stdout


def warnings_of(done: Done) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith("warning: ")]


def test_a_certificate_without_a_host_is_a_warning(folder: Path, check: Callable[[], Done]) -> None:
    root = pki.make_root()
    pki.save_trust(folder / "ca.crt", root)
    for usages in ((pki.CLIENT, pki.SERVER), None):
        pki.make_leaf(root, usages=usages).save(folder, "gateway")
        done = check()
        (warning,) = warnings_of(done)
        assert f"{folder}/gateway.crt: the certificate names no host and no address" in warning
        assert (done.status, done.stdout.splitlines()[-1]) == (0, "usable, with 1 warning")
    pki.make_leaf(root, hosts=["127.0.0.1"], usages=None).save(folder, "gateway")
    assert check().stdout.endswith("fine\n")


def test_the_files_for_ssh_are_found_from_the_file_and_not_from_the_working_folder(
    folder: Path, check: Callable[[], Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "keys").mkdir()
    for name in ("known", "keys/id"):
        (folder / name).write_text("")
    with_device("ssh+tcp://me@192.0.2.1/10.0.0.5?known_hosts=known&key=keys/id")(folder)
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    done = check()
    assert (done.status, done.stderr) == (0, "")
    assert f"known_hosts={folder}/known&key={folder}/keys/id" in done.stdout
    assert done.stdout.endswith("fine\n")


@pytest.mark.parametrize(
    ("device", "words"),
    [("nowhere", "is not there now; its requests fail until it is"), ("file", "is not a serial port")],
)
def test_a_serial_port_that_is_not_there_is_a_warning(
    folder: Path, check: Callable[[], Done], device: str, words: str
) -> None:
    (folder / "file").write_text("")
    with_device(f"rtu://{folder}/{device}?baud=9600")(folder)
    done = check()
    (warning,) = warnings_of(done)
    assert f"{folder}/{device} {words}" in warning
    assert done.status == 0


def test_revocation_lists_that_refuse_peers_are_warnings(folder: Path, check: Callable[[], Done]) -> None:
    root = pki.make_root()
    issuer = pki.make_root("Test issuer", issuer=root)
    pki.save_trust(folder / "ca.crt", root, issuer)
    pki.make_leaf(root, hosts=["127.0.0.1"]).save(folder, "gateway")
    with_crl(pki.make_crl(root, next_update=pki.YESTERDAY).public_bytes(Encoding.PEM))(folder)
    ran_out, missing = warnings_of(check())
    assert "the revocation list of CN=Test root ran out on" in ran_out
    assert "there is no revocation list of CN=Test issuer: new connections of its peers are refused" in missing


def test_a_value_of_the_wrong_type_is_described_in_toml_words(folder: Path, check: Callable[[], Done]) -> None:
    edit(folder, "gateway.toml", 'units = "1-10"', 'units = "1-10"\nin_flight = 1.5')
    assert (
        "device[1].in_flight: a number with a decimal point is not allowed here; write a whole number" in check().stderr
    )


def test_a_check_ignores_a_port_in_use(folder: Path, check: Callable[[], Done]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        edit(folder, "gateway.toml", "127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}")
        assert check().status == 0


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def rewrite(name: str, content: str | bytes) -> Callable[[Path], None]:
    return lambda folder: _write(folder / name, content.encode() if isinstance(content, str) else content)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def change(name: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder, name, old, new)


def directory(name: str) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return replace


def foreign_key(folder: Path) -> None:
    _write(folder / "gateway.key", pki.encode_key(pki.make_key()))


def encrypted_key(folder: Path) -> None:
    _write(folder / "gateway.key", pki.encode_key(pki.make_key(), b"secret"))


def certificate_for_clients_only(folder: Path) -> None:
    root = pki.make_root()
    pki.save_trust(folder / "ca.crt", root)
    pki.make_leaf(root, hosts=["127.0.0.1"], usages=[pki.CLIENT]).save(folder, "gateway")


def certificate_for_servers_only(folder: Path) -> None:
    """It may serve, and must not dial; the device is behind another gateway."""
    root = pki.make_root()
    pki.save_trust(folder / "ca.crt", root)
    pki.make_leaf(root, hosts=["127.0.0.1"], usages=[pki.SERVER]).save(folder, "gateway")
    edit(folder, "gateway.toml", "tcp://127.0.0.1:1", "mbaps://127.0.0.1:1")


def with_device(url: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder, "gateway.toml", "tcp://127.0.0.1:1", url)


def ssh_files_in_the_working_folder(folder: Path) -> None:
    """known_hosts exists beside gateway.toml, the key does not."""
    (folder / "known").write_text("")
    with_device("ssh+tcp://me@192.0.2.1/10.0.0.5?known_hosts=known&key=keys/id")(folder)


def expired_certificate(folder: Path) -> None:
    root = pki.make_root()
    pki.save_trust(folder / "ca.crt", root)
    pki.make_leaf(root, hosts=["127.0.0.1"], not_after=pki.YESTERDAY).save(folder, "gateway")


def trust_without_a_root(folder: Path) -> None:
    _write(folder / "ca.crt", pki.make_leaf(pki.make_root()).pem.split(b"-----BEGIN", 2)[1].join((b"-----BEGIN", b"")))


def with_crl(content: bytes) -> Callable[[Path], None]:
    def add(folder: Path) -> None:
        edit(folder, "gateway.toml", 'trust = ["ca.crt"]', 'trust = ["ca.crt"]\ncrl = ["ca.crl"]')
        _write(folder / "ca.crl", content)

    return add


def missing(name: str, key: str) -> tuple[Callable[[Path], None], str, str]:
    """Without the file: the error names the key and the line of gateway.toml as well as the file."""
    pattern = rf": {re.escape(key)}: /\S*/{name} cannot be read: No such file.*; name the right file, relative to"
    return remove(name), r"gateway.toml:\d+", pattern


LIST_OF_CHANGES = pki.make_crl(pki.make_root(), extra=[(x509.DeltaCRLIndicator(1), True)])

# The change that breaks a file, the pattern of the printed line, and the file that it names
BROKEN: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "no file": (remove("gateway.toml"), "gateway.toml", r"cannot be read: No such file.*; name a readable"),
    "a folder": (directory("gateway.toml"), "gateway.toml", r"cannot be read: Is a directory.*; name a readable"),
    "no text": (rewrite("gateway.toml", b"\xff\xfe\x00"), "gateway.toml", r"UTF-16.*; save it as UTF-8"),
    "a policy saved by PowerShell": (
        rewrite("policy.toml", "[[role]]".encode("utf-16")),
        "policy.toml",
        r"UTF-16.*; save it as UTF-8",
    ),
    "a listener in single brackets": (
        change("gateway.toml", "[[listener]]", "[listener]"),
        r"gateway.toml:\d+",
        r"listener: \[listener\] is a single table.*; write \[\[listener\]\], in double brackets",
    ),
    "a device outside its listener": (
        change("gateway.toml", "[[listener.device]]", "[[device]]"),
        r"gateway.toml:\d+",
        r"device: unknown key; write \[\[listener.device\]\], below the \[\[listener\]\] that it belongs to",
    ),
    "a rule in single brackets": (
        change("policy.toml", "[[role.allow]]", "[role.allow]"),
        r"policy.toml:\d+",
        r"role.allow.*; .*\[\[role.allow\]\], in double brackets",
    ),
    "no TOML": (change("gateway.toml", "[limits]", "[limits"), r"gateway.toml:\d+", r"not valid TOML"),
    "an empty file": (rewrite("gateway.toml", ""), "gateway.toml", r"listener is missing; add a \[\[listener\]\]"),
    "an unknown key": (
        change("gateway.toml", "records_mib", "record_mib"),
        r"gateway.toml:\d+",
        r"unknown key; did you mean records_mib\?",
    ),
    "a number in quotes": (change("gateway.toml", "= 16", '= "16"'), r"gateway.toml:\d+", r"gateway\.records_mib"),
    "a listener without a policy": (
        change("gateway.toml", 'policy = "policy.toml"', ""),
        r"gateway.toml:\d+",
        r"no policy, so nothing would be allowed; write policy",
    ),
    "no policy": missing("policy.toml", "listener[1].policy"),
    "a policy that is not TOML": (rewrite("policy.toml", "[[role]\n"), r"policy.toml:1", r"not valid TOML"),
    "a policy with an unknown word": (
        change("policy.toml", 'read = ["holding:0-999"]', 'reads = ["holding:0-999"]'),
        r"policy.toml:\d+",
        r"reads.*read",
    ),
    "a policy with a wrong range": (
        change("policy.toml", '"holding:0-999"', '"holding:0-99999"'),
        r"policy.toml:\d+",
        r"read.*; ",
    ),
    "no certificate": missing("gateway.crt", "identity.certificate"),
    "an invalid certificate": (rewrite("gateway.crt", "hello"), "gateway.crt", r"; "),
    "a truncated certificate": (
        lambda folder: _write(folder / "gateway.crt", (folder / "gateway.crt").read_bytes()[:300]),
        "gateway.crt",
        r"; ",
    ),
    "a certificate that has expired": (expired_certificate, "gateway.crt", r"expired.*; "),
    "no key": missing("gateway.key", "identity.key"),
    "no trust file": missing("ca.crt", "identity.trust"),
    "a key of another certificate": (foreign_key, r"gateway\.(key|crt)", r"; "),
    "an encrypted key": (encrypted_key, "gateway.key", r"encrypted.*; "),
    "an invalid trust file": (rewrite("ca.crt", "hello"), "ca.crt", r"; "),
    "a trust file without a root": (trust_without_a_root, "ca.crt", r"no root.*; "),
    "a certificate for clients only": (
        certificate_for_clients_only,
        "gateway.crt",
        r"lacks serverAuth: clients refuse it; issue it with serverAuth",
    ),
    "a certificate for servers only before an mbaps device": (
        certificate_for_servers_only,
        "gateway.crt",
        r"lacks clientAuth: servers refuse it; issue it with clientAuth",
    ),
    "no key for SSH": (
        ssh_files_in_the_working_folder,
        r"gateway.toml:\d+",
        r"device\[1\]\.url: .*/keys/id cannot be read: No such file.*; name the right file, relative to",
    ),
    "no known hosts for SSH": (
        with_device("ssh+tcp://me@192.0.2.1/10.0.0.5?known_hosts=known"),
        r"gateway.toml:\d+",
        r"device\[1\]\.url: .*/known cannot be read: No such file.*; ",
    ),
    "an invalid revocation list": (with_crl(b"hello"), "ca.crl", r"; "),
    "a revocation list of changes only": (
        with_crl(LIST_OF_CHANGES.public_bytes(Encoding.PEM)),
        "ca.crl",
        r"cannot be used: it is a delta list.*; install a complete list",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_an_error_is_one_line_with_a_hint(folder: Path, check: Callable[[], Done], broken: str) -> None:
    how, place, problem = BROKEN[broken]
    how(folder)
    done = check()
    assert done.status == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert re.match(rf"sealbus: {re.escape(str(folder))}/{place}: ", done.stderr), done.stderr
    assert re.search(problem, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "records").exists()


def test_a_start_prints_the_same_error_as_a_check(folder: Path, check: Callable[[], Done]) -> None:
    edit(folder, "policy.toml", '"holding:0-999"', '"holding:9-0"')
    started = run_sealbus("gateway", folder / "gateway.toml")
    assert (started.status, started.stdout, started.stderr) == (2, "", check().stderr)


@pytest.mark.parametrize("what", ["listener", "metrics"])
def test_a_port_in_use_is_one_line_and_status_2(folder: Path, what: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        if what == "listener":
            edit(folder, "gateway.toml", "127.0.0.1:0", address)
        else:
            edit(folder, "gateway.toml", "[gateway]", f'[gateway]\nmetrics = "{address}"')
        done = run_sealbus("gateway", folder / "gateway.toml")
    assert (done.status, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert address in done.stderr
    assert "choose" in done.stderr


def test_a_check_finds_two_listeners_on_one_port(folder: Path, check: Callable[[], Done]) -> None:
    edit(folder, "gateway.toml", "127.0.0.1:0", "127.0.0.1:8802")
    text = (folder / "gateway.toml").read_text()
    (folder / "gateway.toml").write_text(text + text[text.index("[[listener]]") :])
    done = check()
    assert done.status == 2
    assert re.search(r"gateway.toml:\d+: listener\[2\]\.url: .*; ", done.stderr)
