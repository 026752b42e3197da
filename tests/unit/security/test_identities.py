"""An identity is loaded whole, or the error names the file and what to change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from pki import (
    EDI_PARTY_NAME,
    FAR_OFF,
    NOW,
    TOMORROW,
    YESTERDAY,
    Credential,
    encode_key,
    make_leaf,
    make_root,
    odd_names,
    rsa_key,
    save_trust,
)
from sealbus.errors import ConfigError
from sealbus.security import Identity, Trust, build_server_context

if TYPE_CHECKING:
    from pathlib import Path

ROOT = make_root()
LEAF = make_leaf(ROOT, "plc")


def test_a_good_pair_is_loaded(tmp_path: Path) -> None:
    identity = Identity.load(*LEAF.save(tmp_path, "plc"))
    assert identity.subject == "CN=plc"
    assert identity.not_after == FAR_OFF
    assert identity.warnings == ()
    assert identity.chain_warnings([]) == []


def test_an_identity_does_not_show_its_key(tmp_path: Path) -> None:
    assert "PRIVATE" not in repr(Identity.load(*LEAF.save(tmp_path, "plc")))


def test_an_identity_expires_with_the_first_certificate_of_its_chain(tmp_path: Path) -> None:
    root = make_root(not_after=TOMORROW)
    assert Identity.load(*make_leaf(root).save(tmp_path, "plc")).not_after == TOMORROW


def test_an_encrypted_key_opens_with_its_password(tmp_path: Path) -> None:
    files = LEAF.save(tmp_path, "plc", password=b"secret")
    assert Identity.load(*files, b"secret").subject == "CN=plc"


def test_a_password_for_an_unencrypted_key_is_ignored(tmp_path: Path) -> None:
    assert Identity.load(*LEAF.save(tmp_path, "plc"), b"secret").subject == "CN=plc"


def test_the_word_encrypted_outside_the_key_does_not_make_it_an_encrypted_one(tmp_path: Path) -> None:
    """Such lines come from `openssl pkcs12`, with the name that someone gave to the key."""
    certificate, key = LEAF.save(tmp_path, "plc")
    lines = (
        b"Bag Attributes\n    friendlyName: ENCRYPTED PLC, Proc-Type: 4,ENCRYPTED\nKey Attributes: <No Attributes>\n"
    )
    for text in (lines, b"Proc-Type: 4,ENCRYPTED\n"):
        key.write_bytes(text + encode_key(LEAF.key))
        identity = Identity.load(certificate, key)
        assert identity.pairs[0].password is None
        build_server_context(identity, Trust.load(save_trust(tmp_path / "ca.crt", ROOT)))


@pytest.mark.parametrize(
    "form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL], ids=["PKCS 8", "the older form"]
)
@pytest.mark.parametrize(
    "attributes", [b"", b"Bag Attributes\n    friendlyName: plc\n"], ids=["alone", "with attributes"]
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["lines of Unix", "lines of Windows"])
def test_both_forms_of_an_encrypted_key_are_recognised(
    tmp_path: Path, form: PrivateFormat, attributes: bytes, line_end: bytes
) -> None:
    certificate, key = LEAF.save(tmp_path, "plc")
    pem = attributes + LEAF.key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"secret"))
    key.write_bytes(pem.replace(b"\n", line_end))
    assert "the key is encrypted and no passphrase was given" in str(_refusal(certificate, key))
    assert Identity.load(certificate, key, b"secret").pairs[0].password == b"secret"


def test_a_certificate_with_a_name_that_cannot_be_read_is_loaded_with_a_warning(tmp_path: Path) -> None:
    odd = make_leaf(ROOT, "plc", extra=odd_names(EDI_PARTY_NAME))
    (warning,) = Identity.load(*odd.save(tmp_path, "plc")).warnings
    assert warning.startswith(
        f"{tmp_path}/plc.crt: the certificate of CN=plc is odd: its subject alternative name (2.5.29.17)"
    )


def test_an_ecdsa_and_an_rsa_pair_can_be_combined(tmp_path: Path) -> None:
    pairs = [LEAF.save(tmp_path, "ec"), make_leaf(ROOT, "plc", key=rsa_key()).save(tmp_path, "rsa")]
    assert len(Identity.load([pair[0] for pair in pairs], [pair[1] for pair in pairs]).pairs) == 2


def _refusal(certificate: Path | list[Path], key: Path | list[Path], password: bytes | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        Identity.load(certificate, key, password, now=NOW)
    assert caught.value.hint
    return caught.value


def test_a_second_pair_of_the_same_kind_is_refused(tmp_path: Path) -> None:
    pairs = [LEAF.save(tmp_path, "one"), make_leaf(ROOT).save(tmp_path, "two")]
    error = _refusal([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    assert "second certificate with an ECDSA key" in str(error)


def test_as_many_keys_as_certificates_are_needed(tmp_path: Path) -> None:
    certificate, key = LEAF.save(tmp_path, "plc")
    assert "2 certificate files and 1 key files" in str(_refusal([certificate, certificate], [key]))
    assert "0 certificate files" in str(_refusal([], []))


@pytest.mark.parametrize("missing", ["plc.crt", "plc.key"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    files = LEAF.save(tmp_path, "plc")
    (tmp_path / missing).unlink()
    assert _refusal(*files).file == str(tmp_path / missing)


@pytest.mark.parametrize("broken", ["plc.crt", "plc.key"])
@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"])
def test_a_file_with_the_wrong_content_is_named(tmp_path: Path, broken: str, content: bytes) -> None:
    files = LEAF.save(tmp_path, "plc")
    (tmp_path / broken).write_bytes(content)
    assert _refusal(*files).file == str(tmp_path / broken)


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    _, key = LEAF.save(tmp_path, "plc")
    assert "cannot be read: it is a folder" in str(_refusal(tmp_path, key))


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    certificate, _ = LEAF.save(tmp_path, "plc")
    _, key = make_leaf(ROOT).save(tmp_path, "other")
    error = _refusal(certificate, key)
    assert error.file == str(key)
    assert "does not belong to the certificate" in str(error)


def test_a_chain_in_the_wrong_order_is_refused(tmp_path: Path) -> None:
    files = Credential((ROOT.certificate, LEAF.certificate), LEAF.key).save(tmp_path, "plc")
    assert "put the leaf first" in _refusal(*files).hint


def test_a_chain_with_a_foreign_certificate_in_it_is_refused(tmp_path: Path) -> None:
    files = Credential((LEAF.certificate, make_root("Stranger").certificate), LEAF.key).save(tmp_path, "plc")
    assert "CN=Stranger, which did not issue it" in str(_refusal(*files))


def test_an_encrypted_key_without_or_with_the_wrong_password_is_refused(tmp_path: Path) -> None:
    files = LEAF.save(tmp_path, "plc", password=b"secret")
    assert "no passphrase was given" in str(_refusal(*files))
    assert "does not open this key" in str(_refusal(*files, b"wrong"))


def test_a_kind_of_key_that_no_suite_uses_is_refused(tmp_path: Path) -> None:
    certificate, key = LEAF.save(tmp_path, "plc")
    other = ed25519.Ed25519PrivateKey.generate()
    key.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert "neither ECDSA nor RSA" in str(_refusal(certificate, key))


def test_an_expired_and_a_future_certificate_are_refused(tmp_path: Path) -> None:
    expired = _refusal(*make_leaf(ROOT, not_after=YESTERDAY).save(tmp_path, "old"))
    assert f"expired on {YESTERDAY:%Y-%m-%d}" in str(expired)
    future = _refusal(*make_leaf(ROOT, not_before=TOMORROW).save(tmp_path, "new"))
    assert f"not valid before {TOMORROW:%Y-%m-%d}" in str(future)


def test_an_expired_issuer_in_the_chain_is_refused(tmp_path: Path) -> None:
    issuer = make_root("Old issuer", issuer=ROOT, not_after=NOW - timedelta(seconds=1))
    assert "CN=Old issuer expired" in str(_refusal(*make_leaf(issuer).save(tmp_path, "plc")))


def test_a_key_that_others_can_read_gives_a_warning(tmp_path: Path) -> None:
    certificate, key = LEAF.save(tmp_path, "plc")
    key.chmod(0o640)
    assert Identity.load(certificate, key).warnings == (
        f"{key}: the key can be read by other users (mode 640); run chmod 600 {key}",
    )


def test_a_chain_without_a_root_gives_a_warning_unless_the_trust_files_complete_it(tmp_path: Path) -> None:
    identity = Identity.load(*Credential((LEAF.certificate,), LEAF.key).save(tmp_path, "plc"))
    assert "ends at CN=Test root, which is in no file" in identity.chain_warnings([])[0]
    assert identity.chain_warnings([ROOT.certificate]) == []


def test_a_key_on_another_curve_is_loaded(tmp_path: Path) -> None:
    leaf = make_leaf(ROOT, "plc", key=ec.generate_private_key(ec.SECP384R1()))
    assert Identity.load(*leaf.save(tmp_path, "plc")).subject == "CN=plc"
