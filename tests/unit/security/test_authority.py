"""An authority in a folder: what it issues, keeps, refuses and revokes; it survives being killed at any step."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

import sealbus
from pki import Credential, encode_key, make_key, make_leaf, make_root
from sealbus.errors import ConfigError
from sealbus.security import (
    Authority,
    CertificateState,
    Identity,
    Issued,
    KeyFiles,
    KeyKind,
    RootOptions,
    SigningRequest,
    Trust,
    role_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = timedelta(days=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "ca", "Plant")


def _leaf(done: Issued) -> x509.Certificate:
    return x509.load_pem_x509_certificates(done.certificate.read_bytes())[0]


def _revoked(authority: Authority) -> set[str]:
    crl = x509.load_pem_x509_crl(authority.folder.revocation_list.read_bytes())
    assert crl.is_signature_valid(authority.root.public_key())  # type: ignore[arg-type]
    texts = (f"{one.serial_number:X}" for one in crl)
    return {text.zfill(len(text) + len(text) % 2) for text in texts}  # one in 256 serials has fewer than 40 digits


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_authority_is_a_root_a_private_key_and_an_empty_list(authority: Authority) -> None:
    folder = authority.folder.directory
    assert sorted(path.name for path in folder.iterdir()) == [
        ".lock",
        "ca.crl",
        "ca.crt",
        "ca.key",
        "index.json",
        "issued",
    ]
    assert (_mode(folder), _mode(folder / "ca.key"), _mode(folder / "ca.crt")) == (0o700, 0o600, 0o644)
    trust = Trust.load(folder / "ca.crt", folder / "ca.crl")
    assert trust.warnings == []
    assert _revoked(authority) == set()


def test_the_root_has_the_extensions_of_an_authority(authority: Authority) -> None:
    root = authority.root
    assert isinstance(root.public_key(), ec.EllipticCurvePublicKey)
    assert (root.not_valid_after_utc - datetime.now(UTC)).days == 7304
    constraints = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, True)
    usage = root.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign) == (True, True, True)
    assert usage.value.digital_signature is False
    assert root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).critical is False


def test_a_leaf_has_the_extensions_of_a_client_and_begins_slightly_earlier(authority: Authority) -> None:
    leaf = _leaf(authority.issue("op", role="Operator", days=10))
    assert leaf.subject.rfc4514_string() == "CN=op"
    constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.digital_signature, usage.value.key_encipherment) == (True, True, False)
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    role = leaf.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.4.1.50316.802.1"))
    assert role.critical is False
    assert role_of(leaf).value == "Operator"
    now = datetime.now(UTC)
    assert now - timedelta(minutes=6) < leaf.not_valid_before_utc <= now
    assert timedelta(days=9) < leaf.not_valid_after_utc - now <= timedelta(days=10)
    leaf.verify_directly_issued_by(authority.root)


def test_a_leaf_with_a_host_can_be_a_server_too(authority: Authority) -> None:
    leaf = _leaf(authority.issue("gw", hosts=["gw.example", "127.0.0.1", "gw.example"]))
    assert ExtendedKeyUsageOID.SERVER_AUTH in leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["gw.example", "127.0.0.1"]
    assert role_of(leaf).value == ""


@pytest.mark.parametrize("kind", [KeyKind.RSA_2048, KeyKind.RSA_3072])
def test_an_rsa_key_is_made_on_request(authority: Authority, kind: KeyKind) -> None:
    leaf = _leaf(authority.issue("gw", files=KeyFiles(kind=kind)))
    key = leaf.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert f"rsa-{key.key_size}" == kind
    assert leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment is True


def test_certificate_and_key_are_written_to_the_given_paths_and_match(authority: Authority, tmp_path: Path) -> None:
    done = authority.issue("op", files=KeyFiles(directory=tmp_path / "new" / "folder"))
    assert (done.certificate, done.key) == (tmp_path / "new/folder/op.crt", tmp_path / "new/folder/op.key")
    assert _mode(tmp_path / "new/folder/op.key") == 0o600
    assert done.key is not None
    identity = Identity.load(done.certificate, done.key)
    assert identity.warnings == ()
    assert [one.subject.rfc4514_string() for one in identity.pairs[0].chain] == ["CN=op", "CN=Plant"]
    assert (authority.folder.issued / f"{done.serial}.crt").exists()


def test_a_leaf_never_outlives_its_root_and_a_note_states_it(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca", "Plant", RootOptions(days=30))
    done = authority.issue("op")
    assert done.not_after == authority.root.not_valid_after_utc
    assert done.notes == (f"it ends with its authority on {done.not_after:%Y-%m-%d}, sooner than asked for",)


def test_an_expired_authority_issues_nothing(authority: Authority) -> None:
    authority.clock = lambda: datetime.now(UTC) + 8000 * DAY
    with pytest.raises(ConfigError, match="the authority expired on"):
        authority.issue("op")
    assert authority.list() == ()


def test_a_clock_before_the_begin_of_the_authority_is_named_and_nothing_is_issued_or_revoked(
    authority: Authority,
) -> None:
    done = authority.issue("op")
    begin, crl = authority.root.not_valid_before_utc, authority.folder.revocation_list.read_bytes()
    authority.clock = lambda: datetime(1970, 1, 1, 0, 3, tzinfo=UTC)  # a machine without a battery for its clock
    for work in (lambda: authority.issue("late"), lambda: authority.revoke(done.serial)):
        with pytest.raises(ConfigError, match="the clock of this machine says 1970-01-01 00:03 UTC") as refused:
            work()
        assert "set the clock" in str(refused.value)
    assert [each.name for each in authority.list()] == ["op"]
    assert authority.folder.revocation_list.read_bytes() == crl
    authority.clock = lambda: begin
    authority.issue("in time")


def test_issuing_a_name_again_takes_a_new_serial_keeps_the_key_and_notes_that_the_old_one_stays_valid(
    authority: Authority,
) -> None:
    first = authority.issue("op", role="Viewer")
    assert first.key is not None
    key = first.key.read_bytes()
    second = authority.issue("op", role="Operator")
    assert second.serial != first.serial
    assert first.key.read_bytes() == key
    assert "kept the key" in second.notes[0]
    assert f"the earlier certificate {first.serial} of op stays valid" in second.notes[1]
    assert [(one.role, one.state) for one in authority.list()] == [
        ("Viewer", CertificateState.VALID),
        ("Operator", CertificateState.VALID),
    ]
    assert Identity.load(first.certificate, first.key).subject == "CN=op"


def test_a_new_key_is_made_only_on_request(authority: Authority) -> None:
    first = authority.issue("op")
    assert first.key is not None
    key = first.key.read_bytes()
    second = authority.issue("op", files=KeyFiles(replace=True))
    assert first.key.read_bytes() != key
    assert _mode(first.key) == 0o600
    assert Identity.load(second.certificate, first.key).subject == "CN=op"
    with pytest.raises(ConfigError, match="exists and is not rsa-2048"):
        authority.issue("op", files=KeyFiles(kind=KeyKind.RSA_2048))


def test_a_certificate_of_another_authority_is_not_overwritten(authority: Authority, tmp_path: Path) -> None:
    make_leaf(make_root()).save(tmp_path, "op")
    before = (tmp_path / "op.crt").read_bytes()
    with pytest.raises(ConfigError, match="certificate of another authority"):
        authority.issue("op", files=KeyFiles(directory=tmp_path, replace=True))
    assert (tmp_path / "op.crt").read_bytes() == before


def test_an_encrypted_key_of_a_leaf_opens_with_its_passphrase(authority: Authority) -> None:
    done = authority.issue("op", files=KeyFiles(passphrase=b"secret"))
    assert done.key is not None
    assert b"ENCRYPTED" in done.key.read_bytes()
    assert Identity.load(done.certificate, done.key, b"secret").subject == "CN=op"
    with pytest.raises(ConfigError, match="no passphrase was given"):
        authority.issue("op")


def test_an_encrypted_authority_needs_its_passphrase_to_sign_and_not_to_list(tmp_path: Path) -> None:
    Authority.create(tmp_path / "ca", "Plant", RootOptions(passphrase=b"secret"))
    assert b"ENCRYPTED" in (tmp_path / "ca/ca.key").read_bytes()
    assert Authority.open(tmp_path / "ca").list() == ()
    with pytest.raises(ConfigError, match="no passphrase was given"):
        Authority.open(tmp_path / "ca").issue("op")
    with pytest.raises(ConfigError, match="does not open this key"):
        Authority.open(tmp_path / "ca", b"wrong").issue("op")
    assert Authority.open(tmp_path / "ca", b"secret").issue("op").serial


def test_an_authority_is_never_overwritten(authority: Authority) -> None:
    before = {path: path.read_bytes() for path in authority.folder.directory.iterdir() if path.is_file()}
    with pytest.raises(ConfigError, match="this folder has an authority already"):
        Authority.create(authority.folder.directory, "Another")
    assert before == {path: path.read_bytes() for path in before}


def test_the_error_for_a_folder_without_an_authority_names_the_command_that_creates_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Authority.open(tmp_path)
    assert caught.value.hint == f"make one with sealbus ca init {tmp_path}"


def test_a_key_of_another_authority_signs_nothing(authority: Authority) -> None:
    authority.folder.key.write_bytes(encode_key(make_key()))
    with pytest.raises(ConfigError, match="does not belong to"):
        authority.issue("op")


def test_a_broken_index_is_named_and_stops_everything(authority: Authority) -> None:
    authority.folder.index.write_bytes(b'{"version": 1, "entries": [{"serial"')
    acts: list[Callable[[], object]] = [authority.list, lambda: authority.issue("op"), lambda: authority.revoke("op")]
    for act in acts:
        with pytest.raises(ConfigError, match=r"index\.json: the index of the authority cannot be read"):
            act()


def test_an_invalid_request_writes_nothing(authority: Authority) -> None:
    acts: list[Callable[[], object]] = [
        lambda: authority.issue("../op"),
        lambda: authority.issue("op", role=""),
        lambda: authority.issue("op", role="a\nb"),
        lambda: authority.issue("op", hosts=["plc:802"]),
        lambda: authority.issue("op", days=0),
    ]
    for act in acts:
        with pytest.raises(ConfigError):
            act()
    assert authority.list() == ()
    assert not (authority.folder.directory / "op.key").exists()


def test_revoking_a_name_revokes_all_its_certificates_and_no_other(authority: Authority) -> None:
    first, second, other = (authority.issue(name) for name in ("op", "op", "viewer"))
    revoked = authority.revoke("op", reason="keyCompromise")
    assert [one.serial for one in revoked] == [first.serial, second.serial]
    assert _revoked(authority) == {first.serial, second.serial}
    assert [one.state for one in authority.list()] == [
        CertificateState.REVOKED,
        CertificateState.REVOKED,
        CertificateState.VALID,
    ]
    entry = x509.load_pem_x509_crl(authority.folder.revocation_list.read_bytes())[0]
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    assert other.serial not in _revoked(authority)


@pytest.mark.parametrize("spelling", ["as listed", "lower case", "with 0x", "with colons"])
def test_revoking_a_serial_revokes_that_one_in_any_spelling(authority: Authority, spelling: str) -> None:
    first, second = authority.issue("op"), authority.issue("op")
    serial = second.serial
    spelled = {
        "as listed": serial,
        "lower case": serial.lower(),
        "with 0x": "0x" + serial.lstrip("0"),
        "with colons": ":".join(serial[place : place + 2] for place in range(0, len(serial), 2)),
    }
    authority.revoke(spelled[spelling])
    assert _revoked(authority) == {second.serial}
    assert first.serial not in _revoked(authority)


def test_a_compromised_key_is_not_certified_again(authority: Authority) -> None:
    stolen = authority.issue("op")
    authority.revoke("op", reason="keyCompromise")
    with pytest.raises(ConfigError, match="revoked as compromised"):
        authority.issue("op")
    assert authority.issue("op", files=KeyFiles(replace=True)).serial != stolen.serial


def test_a_key_that_was_revoked_without_a_reason_gets_a_note(authority: Authority) -> None:
    old = authority.issue("op")
    authority.revoke("op")
    notes = authority.issue("op").notes
    assert any(f"its key is that of the revoked certificate {old.serial}" in note for note in notes)


def test_revoking_again_changes_nothing_but_writes_a_new_list(authority: Authority) -> None:
    done = authority.issue("op")
    authority.revoke("op")
    when = authority.list()[0].revoked_at
    authority.folder.revocation_list.unlink()
    assert authority.revoke("op") == ()
    assert authority.list()[0].revoked_at == when
    assert _revoked(authority) == {done.serial}


def test_revoking_an_unknown_certificate_is_refused(authority: Authority) -> None:
    for unknown in ("nobody", "0A", "", "0x"):
        with pytest.raises(ConfigError, match="no certificate has the name or serial"):
            authority.revoke(unknown)


def test_each_list_has_a_higher_number_and_lasts_as_long_as_the_root(authority: Authority) -> None:
    numbers = []
    for name in ("a", "b"):
        authority.issue(name)
        authority.revoke(name)
        crl = x509.load_pem_x509_crl(authority.folder.revocation_list.read_bytes())
        numbers.append(crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
        assert crl.next_update_utc == authority.root.not_valid_after_utc
        assert crl.last_update_utc < datetime.now(UTC)
    assert numbers == [2, 3]


def test_a_fresher_list_is_kept_fresh_by_later_revocations(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca", "Plant", RootOptions(crl_days=7))

    def days() -> int:
        end = authority.status().list_not_after
        assert end is not None
        return round((end - datetime.now(UTC)) / DAY)

    assert days() == 7
    authority.issue("op")
    authority.revoke("op")
    assert days() == 7
    authority.renew_revocation_list(14)
    authority.renew_revocation_list()
    assert days() == 14
    assert authority.renew_revocation_list(0) == authority.root.not_valid_after_utc


def test_the_status_reports_a_missing_or_outdated_list(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca", "Plant", RootOptions(crl_days=7))
    assert authority.status().problems == ()
    authority.clock = lambda: datetime.now(UTC) + 8 * DAY
    assert "is out of date: gateways that use it refuse every peer" in authority.status().problems[0]
    authority.folder.revocation_list.unlink()
    assert "cannot be used" in authority.status().problems[0]


def test_a_list_made_after_the_clock_was_set_back_is_not_older_than_the_one_before(authority: Authority) -> None:
    def begin() -> datetime:
        return x509.load_pem_x509_crl(authority.folder.revocation_list.read_bytes()).last_update_utc

    first, now = begin(), datetime.now(UTC)
    authority.clock = lambda: now - timedelta(minutes=4)
    authority.renew_revocation_list()
    assert begin() == first
    authority.clock = lambda: now + DAY
    authority.renew_revocation_list()
    ahead = begin()
    assert ahead > first
    authority.clock = lambda: now  # a clock that was far ahead: its list is not in force anywhere yet
    authority.renew_revocation_list()
    assert begin() < ahead


def test_the_days_left_are_counted(authority: Authority) -> None:
    authority.issue("op", days=10)
    (one,) = authority.list()
    now = datetime.now(UTC)
    assert (one.days_left(now), one.days_left(now + 10 * DAY)) == (9, -1)
    authority.clock = lambda: now + 11 * DAY
    assert authority.list()[0].state is CertificateState.EXPIRED


# signing requests


def _csr(folder: Path, key: ec.EllipticCurvePrivateKey | None = None, role: bytes | None = None) -> SigningRequest:
    builder = x509.CertificateSigningRequestBuilder().subject_name(make_root("pump").certificate.subject)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("pump.example")]), critical=False)
    if role is not None:
        oid = x509.ObjectIdentifier("1.3.6.1.4.1.50316.802.1")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, role), critical=False)
    path = folder / "pump.csr"
    path.write_bytes(builder.sign(key or make_key(), hashes.SHA256()).public_bytes(Encoding.PEM))
    return SigningRequest.load(path)


@pytest.mark.parametrize("role", [None, "Viewer"])
def test_a_signed_request_has_the_role_that_the_operator_gives_whatever_it_asks_for(
    authority: Authority, tmp_path: Path, role: str | None
) -> None:
    done = authority.sign(_csr(tmp_path, role=b"\x0c\x05Admin"), role=role)
    leaf = _leaf(done)
    assert role_of(leaf).value == (role or "")
    assert done.key is None
    assert done.certificate == authority.folder.directory / "pump.crt"
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["pump.example"]
    assert [(one.name, one.role) for one in authority.list()] == [("pump", role)]


def test_signing_does_not_overwrite_the_certificate_of_another_key(authority: Authority, tmp_path: Path) -> None:
    key = make_key()
    authority.issue("pump")
    with pytest.raises(ConfigError, match="a key of the same name"):
        authority.sign(_csr(tmp_path, key))
    Credential(make_leaf(None).chain, key).save(tmp_path, "unused")
    (tmp_path / "pump.key").write_bytes(encode_key(key))
    assert authority.sign(_csr(tmp_path, key), directory=tmp_path).certificate == tmp_path / "pump.crt"


# several processes, and processes that are killed


def _run(code: str, folder: Path) -> subprocess.Popen[str]:
    source = str(Path(sealbus.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source}
    program = f"import os\nfrom sealbus.security import Authority\nauthority = Authority.open({str(folder)!r})\n{code}"
    return subprocess.Popen([sys.executable, "-c", program], env=environment, text=True, stderr=subprocess.PIPE)


def test_processes_that_issue_at_the_same_time_wait_for_each_other(authority: Authority) -> None:
    folder = authority.folder.directory
    processes = [
        _run(f"for number in range(8): authority.issue(f'{name}-{{number}}', role='Operator')", folder)
        for name in "abc"
    ]
    for process in processes:
        assert process.wait() == 0, process.stderr and process.stderr.read()
        if process.stderr:
            process.stderr.close()
    certificates = authority.list()
    assert len(certificates) == 24
    assert len({one.serial for one in certificates}) == 24
    assert all(one.state is CertificateState.VALID for one in certificates)
    for one in certificates:
        Identity.load(folder / f"{one.name}.crt", folder / f"{one.name}.key")


@pytest.mark.parametrize(
    ("step", "listed"),
    [
        ("sealbus.security.authority.load_or_make_key", []),
        ("sealbus.security.authority.save_index", []),
        ("sealbus.security.authority_folder.AuthorityFolder.keep_issued", [CertificateState.UNFINISHED]),
        ("sealbus.security.authority.write_atomically", [CertificateState.VALID]),
    ],
)
def test_an_authority_killed_before_any_step_of_issuing_continues_without_a_trace(
    authority: Authority, step: str, listed: list[CertificateState]
) -> None:
    folder = authority.folder.directory
    code = (
        "from unittest import mock\n"
        f"with mock.patch({step!r}, lambda *_, **__: os.kill(os.getpid(), 9)):\n    authority.issue('op')"
    )
    with _run(code, folder) as process:
        assert process.wait() == -9
    assert [one.state for one in authority.list()] == listed
    done = authority.issue("op", role="Operator")
    assert done.key is not None
    assert Identity.load(done.certificate, done.key).subject == "CN=op"
    assert len({one.serial for one in authority.list()}) == len(listed) + 1
    authority.revoke("op")
    assert done.serial in _revoked(authority)


def test_an_authority_killed_while_revoking_reports_it_and_recovers(authority: Authority) -> None:
    done = authority.issue("op")
    code = (
        "from unittest import mock\n"
        "with mock.patch('sealbus.security.authority.write_atomically', lambda *_, **__: os.kill(os.getpid(), 9)):\n"
        "    authority.revoke('op')"
    )
    with _run(code, authority.folder.directory) as process:
        assert process.wait() == -9
    assert authority.list()[0].state is CertificateState.REVOKED
    assert "is older than the last revocation" in authority.status().problems[0]
    assert _revoked(authority) == set()
    authority.renew_revocation_list()
    assert _revoked(authority) == {done.serial}
    assert authority.status().problems == ()
