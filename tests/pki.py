"""Valid and invalid certificates for tests.

    root = make_root()
    good = make_leaf(root, role="Operator")
    bad = make_leaf(root, role="Operator", not_after=YESTERDAY)
    certificate, key = good.save(tmp_path, "good")

This module does not use the authority under test. Every field that an attacker or a faulty authority could set wrongly
is a keyword. The role can also be raw DER, repeated, or critical. Keys are ECDSA P-256 by default; RSA keys are
generated once for each size and then shared.
"""

from __future__ import annotations

import functools
import ipaddress
import ssl
import subprocess
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = [
    "CLIENT",
    "EDI_PARTY_NAME",
    "FAR_OFF",
    "LONG_AGO",
    "NOW",
    "ROLE_OID",
    "SERVER",
    "TOMORROW",
    "X400_ADDRESS",
    "YESTERDAY",
    "Credential",
    "PrivateKey",
    "careless_client",
    "dsa_key",
    "encode_key",
    "handshake",
    "make_crl",
    "make_key",
    "make_leaf",
    "make_root",
    "negative_serial",
    "odd_names",
    "pss_leaf",
    "rsa_key",
    "save_crl",
    "save_trust",
    "utf8_string",
    "weakly_signed",
]

PrivateKey = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | dsa.DSAPrivateKey
)

_WITHOUT_A_HASH = (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)

NOW = datetime.now(UTC).replace(microsecond=0)
YESTERDAY = NOW - timedelta(days=1)
TOMORROW = NOW + timedelta(days=1)
LONG_AGO = NOW - timedelta(days=30)
FAR_OFF = NOW + timedelta(days=300)

X400_ADDRESS = b"\xa3\x02\x30\x00"
EDI_PARTY_NAME = b"\xa5\x05\xa1\x03\x0c\x01x"
"""Encoded names of a subject alternative name that OpenSSL accepts and `cryptography` cannot read."""

ROLE_OID = "1.3.6.1.4.1.50316.802.1"
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Credential:
    """A chain, leaf first up to the root, and the key of its leaf."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)

    @property
    def certificate(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in self.chain)

    def save(self, directory: Path, name: str, *, password: bytes | None = None) -> tuple[Path, Path]:
        """Write NAME.crt with the whole chain and NAME.key; return both paths."""
        certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
        certificate.write_bytes(self.pem)
        key.touch(mode=0o600)
        key.write_bytes(encode_key(self.key, password))
        return certificate, key


def make_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@functools.cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@functools.cache
def dsa_key() -> dsa.DSAPrivateKey:
    return dsa.generate_private_key(2048)


def encode_key(key: PrivateKey, password: bytes | None = None) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def utf8_string(content: bytes) -> bytes:
    """A DER UTF8String, written independently of the code under test; up to 65535 bytes of content."""
    if len(content) < 128:
        return b"\x0c" + bytes([len(content)]) + content
    if len(content) < 256:
        return b"\x0c\x81" + bytes([len(content)]) + content
    if len(content) < 65536:
        return b"\x0c\x82" + len(content).to_bytes(2, "big") + content
    return b"\x0c\x83" + len(content).to_bytes(3, "big") + content


def make_root(
    name: str = "Test root",
    *,
    issuer: Credential | None = None,
    key: PrivateKey | None = None,
    not_before: datetime = LONG_AGO,
    not_after: datetime = FAR_OFF,
    path_length: int | None = None,
    crl_sign: bool = True,
    algorithm: hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | None = None,
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Credential:
    """A root, or with `issuer` an intermediate authority."""
    own = key or make_key()
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        (_key_usage(authority=True, crl_sign=crl_sign), True),
        (x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False),
        *extra,
    ]
    return _sign(name, own, issuer, extensions, not_before, not_after, algorithm)


def make_leaf(
    issuer: Credential | None,
    name: str = "peer",
    *,
    role: str | None = None,
    role_der: Sequence[bytes] = (),
    role_critical: bool = False,
    role_oid: str = ROLE_OID,
    hosts: Iterable[str] = (),
    usages: Sequence[x509.ObjectIdentifier] | None = (CLIENT, SERVER),
    authority: bool = False,
    key_usage: bool = True,
    not_before: datetime = LONG_AGO,
    not_after: datetime = FAR_OFF,
    key: PrivateKey | None = None,
    serial: int | None = None,
    algorithm: hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | None = None,
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
    only_extra: bool = False,
) -> Credential:
    """A leaf of `issuer`, or self-signed. `role` is encoded correctly; each of `role_der` is one more extension.

    With `only_extra` it has no usual extensions, only the role and `extra`.
    """
    own = key or make_key()
    extensions: list[tuple[x509.ExtensionType, bool]] = [(x509.BasicConstraints(ca=authority, path_length=None), True)]
    if key_usage:
        extensions.append((_key_usage(authority=False), True))
    if usages is not None:
        extensions.append((x509.ExtendedKeyUsage(usages), False))
    if only_extra:
        extensions.clear()
    names: list[x509.GeneralName] = [_general_name(host) for host in hosts]
    if names:
        extensions.append((x509.SubjectAlternativeName(names), False))
    roles = ([] if role is None else [utf8_string(role.encode())]) + list(role_der)
    extensions += [(x509.UnrecognizedExtension(x509.ObjectIdentifier(role_oid), der), role_critical) for der in roles]
    extensions += extra
    return _sign(name, own, issuer, extensions, not_before, not_after, algorithm, serial)


def odd_names(names: bytes, oid: str = "2.5.29.17") -> list[tuple[x509.ExtensionType, bool]]:
    """A subject alternative name with these encoded names, up to 127 bytes."""
    return [(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), bytes((0x30, len(names))) + names), False)]


def negative_serial(directory: Path, issuer: Credential, name: str = "peer", *, role: str = "Operator") -> Credential:
    """A leaf with the serial number -5, which only the `openssl` program still makes."""
    leaf = make_leaf(None, name, role=role)  # the program signs a self-signed certificate again
    certificate, _ = leaf.save(directory, "negative")
    issuer_certificate, issuer_key = issuer.save(directory, "negative-issuer")
    made = directory / "negative-serial.crt"
    subprocess.run(
        [
            *("openssl", "x509", "-in", str(certificate), "-out", str(made), "-sha256", "-days", "30"),
            *("-CA", str(issuer_certificate), "-CAkey", str(issuer_key), "-set_serial", "-5"),
        ],
        check=True,
        capture_output=True,
    )
    signed = x509.load_pem_x509_certificate(made.read_bytes())
    return Credential((signed, *issuer.chain), leaf.key)


def make_crl(
    issuer: Credential,
    revoked: Iterable[Credential] = (),
    *,
    last_update: datetime = LONG_AGO,
    next_update: datetime = FAR_OFF,
    key: PrivateKey | None = None,
    number: int | None = None,
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
    entry_extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> x509.CertificateRevocationList:
    """The revocation list of `issuer`. `key` replaces the key that signs it; `extra` are extensions of the list,
    `entry_extra` of each entry.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(last_update)
        .next_update(next_update)
    )
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical)
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
        for extension, critical in entry_extra:
            entry = entry.add_extension(extension, critical)
        builder = builder.add_revoked_certificate(entry.revocation_date(last_update).build())
    return builder.sign(key or issuer.key, hashes.SHA256())


def save_crl(path: Path, *lists: x509.CertificateRevocationList) -> list[Path]:
    """Write each list to a file of its own beside `path`; return the paths."""
    paths = []
    for number, one in enumerate(lists):
        paths.append(path.with_name(f"{path.stem}{number}{path.suffix}"))
        paths[-1].write_bytes(one.public_bytes(serialization.Encoding.PEM))
    return paths


def save_trust(path: Path, *roots: Credential) -> Path:
    """Write the certificates of `roots` as one trust file."""
    path.write_bytes(b"".join(root.certificate.public_bytes(serialization.Encoding.PEM) for root in roots))
    return path


def handshake(
    server: ssl.SSLContext,
    client: ssl.SSLContext,
    *,
    host: str | None = None,
    session: ssl.SSLSession | None = None,
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Make a handshake in memory; return the server's and the client's end. Raises the first error of either.

    The client reads once afterwards, so that it has its TLS 1.3 session.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_end = server.wrap_bio(to_server, to_client, server_side=True)
    client_end = client.wrap_bio(to_client, to_server, server_hostname=host, session=session)
    errors: OrderedDict[ssl.SSLObject, ssl.SSLError] = OrderedDict()
    for _ in range(6):
        for end in (client_end, server_end):
            if end not in errors:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLError as error:
                    errors[end] = error
    if errors:
        raise errors.popitem(last=False)[1]
    with suppress(ssl.SSLWantReadError):
        client_end.read(1)
    return server_end, client_end


def careless_client(
    directory: Path,
    credential: Credential | None,
    *,
    version: ssl.TLSVersion | None = None,
    ciphers: str = "ALL",
) -> ssl.SSLContext:
    """A client that trusts every server, accepts every suite and sends any certificate, even a weak one, or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    if version is not None:
        context.minimum_version = version
        context.maximum_version = version
    if credential is not None:
        context.load_cert_chain(*credential.save(directory, f"careless-{credential.certificate.serial_number:x}"))
    return context


def pss_leaf(directory: Path, issuer: Credential, role: str) -> tuple[Path, Path]:
    """The files of a leaf whose key is for RSA-PSS alone (RFC 4055), which only the `openssl` program makes."""
    certificate, key = directory / "pss.crt", directory / "pss.key"
    issuer_certificate, issuer_key = issuer.save(directory, "pss-issuer")
    extensions = directory / "pss.cnf"
    extensions.write_text(f"{ROLE_OID} = ASN1:UTF8String:{role}\n")
    for words in (
        ("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key),
        ("req", "-new", "-key", key, "-subj", "/CN=pss", "-out", directory / "pss.csr"),
        ("x509", "-req", "-in", directory / "pss.csr", "-out", certificate, "-days", "30", "-extfile", extensions)
        + ("-CA", issuer_certificate, "-CAkey", issuer_key, "-set_serial", "78"),
    ):
        subprocess.run(("openssl", *map(str, words)), check=True, capture_output=True)
    return certificate, key


def weakly_signed(directory: Path, issuer: Credential, name: str = "peer", digest: str = "sha1") -> Credential:
    """A leaf signed with SHA-1 or MD5, which only the `openssl` program still supports."""
    leaf = make_leaf(None, name)  # the program re-signs a self-signed certificate
    certificate, _ = leaf.save(directory, "weak")
    issuer_certificate, issuer_key = issuer.save(directory, "weak-issuer")
    weak = directory / "weakly-signed.crt"
    subprocess.run(
        [
            *("openssl", "x509", "-in", str(certificate), "-out", str(weak), f"-{digest}", "-days", "30", "-clrext"),
            *("-CA", str(issuer_certificate), "-CAkey", str(issuer_key), "-set_serial", "77"),
        ],
        check=True,
        capture_output=True,
    )
    signed = x509.load_pem_x509_certificate(weak.read_bytes())
    return Credential((signed, *issuer.chain), leaf.key)


def _sign(
    name: str,
    key: PrivateKey,
    issuer: Credential | None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
    not_before: datetime,
    not_after: datetime,
    algorithm: hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | None,
    serial: int | None = None,
) -> Credential:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.key if issuer else key
    identifiers: list[tuple[x509.ExtensionType, bool]] = []
    if issuer is not None:
        identifiers.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False))
    # the constructor accepts the same extension twice, which add_extension refuses
    certificate = x509.CertificateBuilder(
        issuer_name=issuer.certificate.subject if issuer else subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=serial or x509.random_serial_number(),
        not_valid_before=not_before.replace(tzinfo=None),
        not_valid_after=not_after.replace(tzinfo=None),
        extensions=[x509.Extension(value.oid, critical, value) for value, critical in (*extensions, *identifiers)],
    ).sign(signer, None if isinstance(signer, _WITHOUT_A_HASH) else algorithm or hashes.SHA256())
    return Credential((certificate, *(issuer.chain if issuer else ())), key)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, authority: bool, crl_sign: bool = True) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority and crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
