"""A file in the wrong form is named as what it is, with the command of `openssl` that converts it; the command works."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7, pkcs12

import pki
from sealbus.errors import ConfigError
from sealbus.security import Identity, SigningRequest, Trust

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROOT = pki.make_root()
LEAF = pki.make_leaf(ROOT, "plc")


def _pkcs12() -> bytes:
    assert isinstance(LEAF.key, ec.EllipticCurvePrivateKey)
    return pkcs12.serialize_key_and_certificates(b"plc", LEAF.key, LEAF.certificate, [ROOT.certificate], NoEncryption())


def _pkcs7(encoding: Encoding) -> bytes:
    return pkcs7.serialize_certificates([LEAF.certificate, ROOT.certificate], encoding)


def refusal(load: Callable[[], object]) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        load()
    return error.value


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return LEAF.save(tmp_path, "plc")


def run_hint(hint: str) -> None:
    """Run the commands of a hint as its reader would; the passphrase of the file is empty."""
    for command in hint.partition(": ")[2].split(" and "):
        subprocess.run(f"{command} -passin pass:" if "pkcs12" in command else command, shell=True, check=True)


def test_pkcs12_is_named_and_its_commands_give_certificate_and_key(files: tuple[Path, Path], tmp_path: Path) -> None:
    bundle = tmp_path / "from works.pfx"
    bundle.write_bytes(_pkcs12())
    refusals = [
        refusal(lambda: Identity.load(bundle, files[1])),
        refusal(lambda: Identity.load(files[0], bundle)),
        refusal(lambda: Trust.load(bundle)),
    ]
    for error in refusals:
        assert (error.file, error.problem) == (
            str(bundle),
            "this is PKCS #12 (.pfx), which holds certificate and key in one file",
        )
    run_hint(refusals[0].hint)
    identity = Identity.load(tmp_path / "from works.crt", tmp_path / "from works.key")
    assert [one.subject for one in identity.pairs[0].chain] == [one.subject for one in LEAF.chain]
    assert identity.warnings == ()


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
def test_pkcs7_is_named_and_its_command_gives_the_certificates(
    files: tuple[Path, Path], tmp_path: Path, encoding: Encoding
) -> None:
    bundle = tmp_path / "works.p7b"
    bundle.write_bytes(_pkcs7(encoding))
    error = refusal(lambda: Identity.load(bundle, files[1]))
    assert error.problem == "this is PKCS #7 (.p7b), a bundle of certificates"
    assert refusal(lambda: Trust.load(bundle)).hint == error.hint
    run_hint(error.hint)
    subjects = {one.subject for one in x509.load_pem_x509_certificates((tmp_path / "works.crt").read_bytes())}
    assert subjects == {one.subject for one in LEAF.chain}


def test_the_command_never_names_the_file_itself_as_its_result(files: tuple[Path, Path]) -> None:
    files[0].write_bytes(_pkcs12())
    hint = refusal(lambda: Identity.load(*files)).hint
    assert f"-in {files[0]} -nokeys -out {files[0].with_suffix('.new.crt')} " in hint


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_key_in_der_is_named_and_its_command_converts_it(
    files: tuple[Path, Path], tmp_path: Path, form: PrivateFormat
) -> None:
    binary = tmp_path / "binary.der"
    binary.write_bytes(LEAF.key.private_bytes(Encoding.DER, form, NoEncryption()))
    error = refusal(lambda: Identity.load(files[0], binary))
    assert error.problem == "this is a private key in DER"
    run_hint(error.hint)
    assert Identity.load(files[0], tmp_path / "binary.key").pairs


def test_a_file_of_powershell_is_named(files: tuple[Path, Path]) -> None:
    files[0].write_bytes(LEAF.pem.decode().encode("utf-16"))
    assert str(refusal(lambda: Identity.load(*files))).endswith("the file is UTF-16 text; save it as UTF-8")


def test_exchanged_files_are_named_by_their_content(files: tuple[Path, Path], tmp_path: Path) -> None:
    certificate, key = files
    assert "the file holds a private key instead" in str(refusal(lambda: Identity.load(key, key)))
    assert "the file holds a certificate instead" in str(refusal(lambda: Identity.load(certificate, certificate)))
    assert "the file holds a private key instead" in str(refusal(lambda: Trust.load(key)))
    anchor = pki.save_trust(tmp_path / "ca.crt", ROOT)
    assert "the file holds a certificate instead" in str(refusal(lambda: Trust.load(anchor, anchor)))
    assert Trust.load(anchor).anchors
    assert "the file holds a certificate instead" in str(refusal(lambda: SigningRequest.load(anchor)))
