"""A throw-away authority for one run: ECDSA P-256, one server, one client whose certificate carries a role.

Made with `cryptography` directly and not with Sealbus's own authority, so that the certificates do not depend on the
product under test. Every peer gets the same files.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ROLE", "Certificates", "make_certificates"]

ROLE = "Operator"
_ROLE_OID = x509.ObjectIdentifier("1.3.6.1.4.1.50316.802.1")  # MODBUS/TCP Security V36, 8.3
_UTF8_STRING = 0x0C
_LIFE = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: the trust anchor; chain (leaf first, up to the root) and key of the server and of the client."""

    anchor: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Make the files in `folder`. `server.pem` contains chain and key in one file, as HAProxy requires."""
    files = Certificates(
        *(folder / name for name in ("ca.crt", "server.crt", "server.key", "client.crt", "client.key"))
    )
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("benchmark root", root_key, issuer=None, issuer_key=root_key, extensions=[])
    files.anchor.write_bytes(_pem(root))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    role = x509.UnrecognizedExtension(_ROLE_OID, bytes([_UTF8_STRING, len(ROLE)]) + ROLE.encode())
    leaves: list[tuple[Path, Path, list[x509.ExtensionType]]] = [
        (files.server, files.server_key, [address, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])]),
        (files.client, files.client_key, [role, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])]),
    ]
    for chain_file, key_file, extensions in leaves:
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = _certificate(chain_file.stem, key, issuer=root, issuer_key=root_key, extensions=extensions)
        chain_file.write_bytes(_pem(leaf) + _pem(root))
        key_file.touch(mode=0o600)
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    both = folder / "server.pem"
    both.touch(mode=0o600)
    both.write_bytes(files.server.read_bytes() + files.server_key.read_bytes())
    return files


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    extensions: list[x509.ExtensionType],
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    is_root = issuer is None
    usage = x509.KeyUsage(not is_root, False, False, False, False, is_root, is_root, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
