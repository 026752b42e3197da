"""`sealbus ca` on the command line: files, output, exit status."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from typer.testing import CliRunner

from sealbus.cli.ca import app
from sealbus.security import Identity, role_of

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert _ca("init", tmp_path / "ca", "--name", "Plant").exit_code == 0
    return tmp_path / "ca"


def _ca(*words: object, typed: str | None = None, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=typed, env=environment)


def _role(path: Path) -> str:
    return role_of(x509.load_pem_x509_certificates(path.read_bytes())[0]).value


def _line(result: Result, status: int) -> str:
    """The one line on stderr of a command that ended with `status`."""
    assert result.exit_code == status
    (line,) = result.stderr.splitlines()
    assert line.startswith("sealbus: ")
    return line


def test_the_five_files_of_the_contract_are_made(folder: Path, tmp_path: Path) -> None:
    result = _ca("issue", folder, "op", "--role", "Operator", "--host", "127.0.0.1", "--out", tmp_path / "op")
    assert result.exit_code == 0
    assert {"ca.crt", "ca.key", "ca.crl"} <= {path.name for path in folder.iterdir()}
    assert {path.name for path in (tmp_path / "op").iterdir()} == {"op.crt", "op.key"}
    assert stat.S_IMODE((tmp_path / "op/op.key").stat().st_mode) == 0o600
    assert _role(tmp_path / "op/op.crt") == "Operator"
    assert len(Identity.load(tmp_path / "op/op.crt", tmp_path / "op/op.key").pairs[0].chain) == 2


def test_the_paths_of_new_files_are_printed_one_per_line(folder: Path) -> None:
    result = _ca("issue", folder, "op")
    assert [line.split("  ")[0] for line in result.stdout.splitlines()] == [f"{folder}/op.crt", f"{folder}/op.key"]
    assert result.stderr == ""


def test_two_authorities_have_different_names_by_default(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert _ca("init", tmp_path / name).exit_code == 0
    subjects = {x509.load_pem_x509_certificate((tmp_path / name / "ca.crt").read_bytes()).subject for name in "ab"}
    assert len(subjects) == 2


def test_an_authority_is_not_made_twice(folder: Path) -> None:
    assert "this folder has an authority already" in _line(_ca("init", folder), 2)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("../op",), "NAME: '../op' cannot be the name of a certificate"),
        (("op", "--role", ""), "--role: the role is empty; leave it out"),
        (("op", "--role", "a\x1bb"), "--role: the role holds control characters"),
        (("op", "--host", "plc:802"), "--host: 'plc:802' is neither a host name nor an IP address"),
        (("op", "--days", "0"), "--days: a lifetime of 0 days"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(folder: Path, words: tuple[str, ...], complaint: str) -> None:
    assert complaint in _line(_ca("issue", folder, *words), 2)
    assert _listed(folder) == []


def test_without_an_authority_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    for verb in (("issue", tmp_path, "op"), ("revoke", tmp_path, "op"), ("list", tmp_path), ("renew-crl", tmp_path)):
        assert f"make one with sealbus ca init {tmp_path}" in _line(_ca(*verb), 2)


def test_a_folder_that_cannot_be_written_is_a_failure(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert f"{tmp_path}/file/sub: Not a directory" in _line(
        _ca("issue", folder, "op", "--out", tmp_path / "file/sub"), 1
    )


def test_issuing_again_warns_about_the_certificate_that_stays_valid(folder: Path) -> None:
    _ca("issue", folder, "op", "--role", "Viewer")
    again = _ca("issue", folder, "op", "--role", "Operator")
    assert again.exit_code == 0
    assert f"to end it: sealbus ca revoke {folder} {_listed(folder)[0]['serial']}" in again.stderr
    assert "--replace makes a new one" in again.stderr
    assert "exists and is not rsa-3072" in _line(_ca("issue", folder, "op", "--key", "rsa-3072"), 2)


def _listed(folder: Path) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = json.loads(_ca("list", folder, "--json").stdout)["certificates"]
    return listed


def test_the_list_shows_role_state_days_and_serial(folder: Path) -> None:
    _ca("issue", folder, "op", "--role", "Operator", "--days", "10")
    _ca("issue", folder, "gw")
    _ca("revoke", folder, "gw")
    lines = _ca("list", folder).stdout.splitlines()
    assert re.fullmatch(r"CN=Plant, until \d{4}-\d\d-\d\d; revocation list until \d{4}-\d\d-\d\d", lines[0])
    assert lines[1].split() == ["NAME", "ROLE", "STATE", "ENDS", "DAYS", "LEFT", "SERIAL"]
    serial = "(?:[0-9A-F]{2}){16,20}"  # random bytes; the first may be zero
    assert re.fullmatch(rf'op    "Operator"  valid    \d{{4}}-\d\d-\d\d  9          {serial}', lines[2])
    assert re.fullmatch(rf"gw    none        revoked  \d{{4}}-\d\d-\d\d  396        {serial}", lines[3])


def test_the_list_can_be_json(folder: Path) -> None:
    _ca("issue", folder, "op", "--role", "Operator")
    listed = json.loads(_ca("list", folder, "--json").stdout)
    assert listed["authority"]["subject"] == "CN=Plant"
    assert listed["authority"]["problems"] == []
    (one,) = listed["certificates"]
    assert (one["name"], one["role"], one["state"], one["days_left"]) == ("op", "Operator", "valid", 396)


def test_a_certificate_near_its_end_is_coloured_on_a_terminal(folder: Path) -> None:
    _ca("issue", folder, "op", "--days", "10")
    _ca("issue", folder, "gw")
    lines = CliRunner().invoke(app, ["list", str(folder)], color=True).stdout.splitlines()
    assert lines[2].startswith("\x1b[33m")
    assert lines[3].startswith("gw")


def test_an_unusable_revocation_list_is_reported_on_stderr(folder: Path) -> None:
    (folder / "ca.crl").unlink()
    result = _ca("list", folder)
    assert result.exit_code == 0
    assert f"sealbus: {folder}/ca.crl cannot be used; run sealbus ca renew-crl {folder}" in result.stderr
    assert _ca("renew-crl", folder).exit_code == 0
    assert _ca("list", folder).stderr == ""


def _revoked(folder: Path) -> int:
    return len(x509.load_pem_x509_crl((folder / "ca.crl").read_bytes()))


def test_revoking_by_name_and_by_serial_renews_the_list(folder: Path) -> None:
    for _ in range(2):
        _ca("issue", folder, "op")
    serial = str(_listed(folder)[0]["serial"])
    assert f"revoked {serial}  op, role none" in _ca("revoke", folder, serial, "--reason", "superseded").stdout
    assert _revoked(folder) == 1
    assert _ca("revoke", folder, "op").exit_code == 0
    assert _revoked(folder) == 2
    again = _ca("revoke", folder, "op")
    assert (again.exit_code, again.stdout.splitlines()[0]) == (0, "op is revoked already")
    assert "no certificate has the name or serial 'nobody'" in _line(_ca("revoke", folder, "nobody"), 2)


def test_the_lifetime_of_the_revocation_list_can_be_set(tmp_path: Path) -> None:
    _ca("init", tmp_path / "ca", "--crl-days", "7")
    crl = x509.load_pem_x509_crl((tmp_path / "ca/ca.crl").read_bytes())
    assert crl.next_update_utc is not None
    assert (crl.next_update_utc - crl.last_update_utc).days == 7
    assert "renewed, valid until" in _ca("renew-crl", tmp_path / "ca", "--crl-days", "0").stdout


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    extensions = (
        "[req]\ndistinguished_name=dn\nreq_extensions=v3\n[dn]\n[v3]\nsubjectAltName=DNS:pump.example\n"
        "1.3.6.1.4.1.50316.802.1=ASN1:UTF8String:Admin\n"
    )
    (tmp_path / "req.cnf").write_text(extensions)
    command = (
        "openssl req -config req.cnf -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=pump"
        " -keyout pump.key -out pump.csr"
    )
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "pump.csr"


@pytest.mark.needs("openssl")
def test_a_request_is_shown_and_signed_with_the_role_of_the_operator_only(folder: Path, request_file: Path) -> None:
    result = _ca("sign", folder, request_file, "--role", "Viewer", "--yes")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:5] == [
        "subject:        CN=pump",
        "hosts:          pump.example",
        "role asked for: Admin (ignored: only --role gives a role)",
        "key:            ECDSA secp256r1",
        'to be signed:   role "Viewer", hosts pump.example, 397 days',
    ]
    assert _role(folder / "pump.crt") == "Viewer"
    assert Identity.load(folder / "pump.crt", request_file.with_suffix(".key")).subject == "CN=pump"


@pytest.mark.needs("openssl")
def test_nothing_is_signed_without_a_yes(folder: Path, request_file: Path) -> None:
    assert "--yes: there is no terminal to ask" in _line(_ca("sign", folder, request_file), 2)
    assert _listed(folder) == []


@pytest.mark.needs("openssl")
@pytest.mark.parametrize(("answer", "signed"), [("y\n", 1), ("n\n", 0), ("\n", 0)])
def test_on_a_terminal_the_operator_is_asked(
    folder: Path, request_file: Path, answer: str, signed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealbus.cli.ca._is_terminal", lambda: True)
    result = _ca("sign", folder, request_file, typed=answer)
    assert result.exit_code == (0 if signed else 1)
    assert len(_listed(folder)) == signed


@pytest.mark.needs("openssl")
def test_hosts_and_name_of_a_request_can_be_overridden(folder: Path, request_file: Path, tmp_path: Path) -> None:
    words = ("--host", "192.0.2.7", "--name", "pump-7", "--out", tmp_path / "out", "--yes")
    assert _ca("sign", folder, request_file, *words).exit_code == 0
    leaf = x509.load_pem_x509_certificates((tmp_path / "out/pump-7.crt").read_bytes())[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["192.0.2.7"]


def test_a_file_without_a_signing_request_is_refused(folder: Path) -> None:
    assert "no signing request" in _line(_ca("sign", folder, folder / "ca.crt", "--yes"), 2)


def test_an_encrypted_authority_takes_its_passphrase_from_a_file_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("correct horse\n")
    folder = tmp_path / "ca"
    made = _ca("init", folder, "--passphrase-file", tmp_path / "pass")
    assert made.stdout.splitlines()[2].endswith("never leaves this folder, encrypted")
    assert b"ENCRYPTED" in (folder / "ca.key").read_bytes()
    assert _ca("issue", folder, "a", "--passphrase-file", tmp_path / "pass").exit_code == 0
    assert _ca("issue", folder, "b", environment={"SEALBUS_CA_PASSPHRASE": "correct horse"}).exit_code == 0
    assert "does not open" in _line(_ca("issue", folder, "c", environment={"SEALBUS_CA_PASSPHRASE": "wrong"}), 2)
    assert "there is no terminal to ask" in _line(_ca("issue", folder, "c"), 2)
    assert [one["name"] for one in _listed(folder)] == ["a", "b"]


def test_encrypting_asks_for_a_passphrase_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealbus.cli.ca._is_terminal", lambda: True)
    assert _ca("init", tmp_path / "ca", "--encrypt", typed="secret\nsecret\n").exit_code == 0
    assert _ca("issue", tmp_path / "ca", "op", typed="secret\n").exit_code == 0


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_passphrase_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "pass").write_text(content)
    line = _line(_ca("init", tmp_path / "ca", "--passphrase-file", tmp_path / "pass"), 2)
    assert "the passphrase is empty" in line
    assert not (tmp_path / "ca").exists()


def test_the_key_of_a_leaf_can_be_encrypted_too(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("secret")
    assert _ca("issue", folder, "op", "--key-passphrase-file", tmp_path / "pass").exit_code == 0
    assert Identity.load(folder / "op.crt", folder / "op.key", b"secret").subject == "CN=op"
