"""A request is shown for what it is, and refused where it is forged or weak."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki import make_key, utf8_string
from sealbus.errors import ConfigError
from sealbus.security import ROLE_OID, SigningRequest

if TYPE_CHECKING:
    from pathlib import Path


def _request(
    folder: Path,
    name: str = "pump",
    *,
    extensions: tuple[x509.ExtensionType, ...] = (),
    key: ec.EllipticCurvePrivateKey | None = None,
    encoding: Encoding = Encoding.PEM,
) -> Path:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    path = folder / "pump.csr"
    path.write_bytes(builder.sign(key or make_key(), hashes.SHA256()).public_bytes(encoding))
    return path


def _role(der: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(ROLE_OID, der)


def test_everything_that_a_request_contains_is_shown(tmp_path: Path) -> None:
    names = x509.SubjectAlternativeName(
        [
            x509.DNSName("pump.example"),
            x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
            x509.UniformResourceIdentifier("https://pump.example"),
        ]
    )
    request = SigningRequest.load(_request(tmp_path, extensions=(names, _role(utf8_string(b"Admin")))))
    assert request.name == "pump"
    assert request.hosts == ("pump.example", "192.0.2.7")
    assert request.describe() == [
        ("subject", "CN=pump"),
        ("hosts", "pump.example, 192.0.2.7"),
        ("role asked for", "Admin (ignored: only --role gives a role)"),
        ("key", "ECDSA secp256r1"),
        ("left out", "UniformResourceIdentifier https://pump.example"),
    ]


def test_a_request_with_little_content_is_shown_too(tmp_path: Path) -> None:
    shown = dict(SigningRequest.load(_request(tmp_path, encoding=Encoding.DER)).describe())
    assert (shown["hosts"], shown["role asked for"]) == ("none", "none")


def test_a_malformed_role_is_shown_as_malformed(tmp_path: Path) -> None:
    shown = dict(SigningRequest.load(_request(tmp_path, extensions=(_role(b"\x13\x01A"),))).describe())
    assert shown["role asked for"] == "malformed, ignored: the role has ASN.1 tag 13, not 0C (UTF8String)"


def test_a_changed_request_is_refused(tmp_path: Path) -> None:
    path = _request(tmp_path, encoding=Encoding.DER)
    path.write_bytes(path.read_bytes().replace(b"pump", b"boss"))
    with pytest.raises(ConfigError, match="its signature is wrong") as caught:
        SigningRequest.load(path)
    assert caught.value.file == str(path)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"]
)
def test_a_file_that_is_not_a_request_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.csr"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="no signing request"):
        SigningRequest.load(path)


@pytest.mark.parametrize("name", ["", "pump\nCN=boss", "pump\x1b[2J"])
def test_an_empty_or_deceptive_subject_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="empty or holds control characters"):
        SigningRequest.load(_request(tmp_path, name))


def test_a_host_that_cannot_be_certified_is_refused(tmp_path: Path) -> None:
    names = x509.SubjectAlternativeName([x509.DNSName("pump example")])
    with pytest.raises(ConfigError, match="neither a host name nor an IP address"):
        SigningRequest.load(_request(tmp_path, extensions=(names,)))


def test_a_small_curve_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="kind that is not signed"):
        SigningRequest.load(_request(tmp_path, key=ec.generate_private_key(ec.SECP256K1())))
