"""Identities are folders of files: loaded when they change, kept in the last good state when they break."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import pki
from sealbus.acquisition.identities import IdentityFolder
from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def root() -> pki.Credential:
    return pki.make_root()


def save(folder: Path, root: pki.Credential, role: str = "Viewer", *, second: int = 1) -> None:
    folder.mkdir(exist_ok=True)
    leaf = pki.make_leaf(root, role=role)
    (folder / "certificate.pem").write_bytes(leaf.pem)
    (folder / "key.pem").write_bytes(pki.encode_key(leaf.key))
    (folder / "key.pem").chmod(0o600)
    pki.save_trust(folder / "trust.pem", root)
    for file in folder.iterdir():
        os.utime(file, (second, second))


def test_an_identity_is_read_once_and_kept(tmp_path: Path, root: pki.Credential) -> None:
    save(tmp_path / "plant", root)
    identities = IdentityFolder(tmp_path)
    assert identities.credentials("plant") is identities.credentials("plant")
    assert identities.problem("plant") == ""
    assert identities.changed() == set()


def test_a_change_is_loaded_without_a_new_connection(tmp_path: Path, root: pki.Credential) -> None:
    save(tmp_path / "plant", root)
    identities = IdentityFolder(tmp_path)
    before = identities.credentials("plant")
    for file in (tmp_path / "plant").iterdir():
        file.unlink()
    save(tmp_path / "plant", root, role="Operator", second=2)
    assert identities.changed() == {"plant"}
    assert identities.credentials("plant") is not before
    assert identities.changed() == set()


def test_a_key_that_others_can_read_is_logged(
    tmp_path: Path, root: pki.Credential, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path / "plant", root)
    IdentityFolder(tmp_path).credentials("plant")
    assert not caplog.records
    (tmp_path / "plant" / "key.pem").chmod(0o644)
    IdentityFolder(tmp_path).credentials("plant")
    assert f"run chmod 600 {tmp_path}/plant/key.pem" in caplog.text


@pytest.mark.parametrize("file", ["certificate.pem", "key.pem", "trust.pem"])
def test_a_damaged_file_leaves_the_last_good_state_and_is_named(
    tmp_path: Path, root: pki.Credential, file: str
) -> None:
    save(tmp_path / "plant", root)
    identities = IdentityFolder(tmp_path)
    before = identities.credentials("plant")
    (tmp_path / "plant" / file).write_text("half a file")
    assert identities.changed() == set()
    assert identities.credentials("plant") is before
    assert file in identities.problem("plant")


@pytest.mark.parametrize("file", ["certificate.pem", "key.pem", "trust.pem"])
def test_a_file_that_is_missing_at_the_start_is_named_and_loaded_once_it_exists(
    tmp_path: Path, root: pki.Credential, file: str
) -> None:
    save(tmp_path / "plant", root)
    content = (tmp_path / "plant" / file).read_bytes()
    (tmp_path / "plant" / file).unlink()
    identities = IdentityFolder(tmp_path)
    with pytest.raises(ConfigError, match=file):
        identities.credentials("plant")
    (tmp_path / "plant" / file).write_bytes(content)
    assert identities.credentials("plant").trust.anchors


@pytest.mark.parametrize("name", ["", ".", "..", "../plant", "a/b", "/etc", ".hidden", "x" * 65, "a\0b"])
def test_a_name_cannot_be_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        IdentityFolder(tmp_path).credentials(name)
    assert caught.value.key == "identity"


def test_the_error_for_a_missing_identity_names_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nobody"):
        IdentityFolder(tmp_path).credentials("nobody")


def save_list(folder: Path, crl: x509.CertificateRevocationList, *, second: int) -> None:
    (folder / "crl.pem").write_bytes(crl.public_bytes(Encoding.PEM))
    os.utime(folder / "crl.pem", (second, second))


def test_an_older_revocation_list_is_named_and_the_newest_stays_in_force(tmp_path: Path, root: pki.Credential) -> None:
    stolen = pki.make_leaf(root)
    folder = tmp_path / "plant"
    save(folder, root)
    save_list(folder, pki.make_crl(root, [stolen], number=2), second=1)
    identities = IdentityFolder(tmp_path)
    before = identities.credentials("plant")
    save_list(folder, pki.make_crl(root, number=1), second=2)
    assert identities.changed() == set()
    assert identities.credentials("plant") is before
    assert "crl.pem: the revocation list of CN=Test root is older than one used here before" in identities.problem(
        "plant"
    )
    with pytest.raises(ConfigError, match="is older"):
        IdentityFolder(tmp_path).credentials("plant")  # after a restart
    save_list(folder, pki.make_crl(root, [stolen], number=3), second=3)
    assert identities.changed() == {"plant"}
    assert IdentityFolder(tmp_path).credentials("plant").trust.revocation.lists


def test_a_revocation_list_that_is_missing_after_it_was_used_does_not_switch_revocation_off(
    tmp_path: Path, root: pki.Credential
) -> None:
    folder = tmp_path / "plant"
    save(folder, root)
    save_list(folder, pki.make_crl(root), second=1)
    identities = IdentityFolder(tmp_path)
    before = identities.credentials("plant")
    (folder / "crl.pem").unlink()
    assert identities.changed() == set()
    assert identities.credentials("plant") is before
    assert "crl.pem: is missing, and was used before" in identities.problem("plant")
    with pytest.raises(ConfigError, match=f"delete {folder}/crl-seen.json too"):
        IdentityFolder(tmp_path).credentials("plant")
    (folder / "crl-seen.json").unlink()
    assert not IdentityFolder(tmp_path).credentials("plant").trust.revocation.lists


@pytest.mark.parametrize(
    "useless",
    [
        lambda root: pki.make_crl(root, last_update=pki.NOW, extra=[(x509.DeltaCRLIndicator(1), True)]),
        lambda root: pki.make_crl(root, last_update=pki.TOMORROW),
        lambda root: pki.make_crl(root, last_update=pki.YESTERDAY, next_update=pki.NOW),
        lambda root: pki.make_crl(pki.make_root("Another root")),
    ],
    ids=["a delta list", "a list of tomorrow", "a list that ran out", "a list of another authority"],
)
def test_a_revocation_list_that_would_refuse_every_device_is_not_loaded(
    tmp_path: Path, root: pki.Credential, useless: Callable[[pki.Credential], x509.CertificateRevocationList]
) -> None:
    folder = tmp_path / "plant"
    save(folder, root)
    save_list(folder, pki.make_crl(root), second=1)
    identities = IdentityFolder(tmp_path)
    before = identities.credentials("plant")
    save_list(folder, useless(root), second=2)
    assert identities.changed() == set()
    assert identities.credentials("plant") is before
    assert "crl.pem" in identities.problem("plant")


def test_a_new_list_is_in_force_also_where_that_cannot_be_written_down(tmp_path: Path, root: pki.Credential) -> None:
    folder = tmp_path / "plant"
    save(folder, root)
    save_list(folder, pki.make_crl(root), second=1)
    identities = IdentityFolder(tmp_path)
    identities.credentials("plant")
    (folder / "crl-seen.json").unlink()
    (folder / "crl-seen.json").mkdir()  # a name that no file can take
    save_list(folder, pki.make_crl(root, last_update=pki.NOW), second=2)
    assert identities.changed() == {"plant"}
    assert "which revocation lists were seen cannot be written" in identities.problem("plant")
    (folder / "crl-seen.json").rmdir()
    assert identities.changed() == set()
    assert identities.problem("plant") == ""
