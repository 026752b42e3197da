"""A certificate signing request: what it asks for, to be shown before the operator agrees.

The signature of a request proves one thing only: its author holds the key. Everything in it is a request, not a fact. The
subject and the hosts are used if the operator agrees; the role never is, it comes from the operator alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealbus.errors import ConfigError
from sealbus.security.certificates import parse_host
from sealbus.security.file_kinds import instead_of, refusal_of
from sealbus.security.names import printable, render_name
from sealbus.security.parsing import UNPARSABLE
from sealbus.security.peer_verifier import WEAK_HASHES
from sealbus.security.pem_files import read_file
from sealbus.security.private_keys import render_key_kind
from sealbus.security.roles import PeerRole, RoleFinding, role_of_request

if TYPE_CHECKING:
    from sealbus.security.identities import PublicKey
    from sealbus.security.pem_files import FilePath

__all__ = ["SigningRequest"]

_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A request whose signature is valid and whose key is strong enough.

    `name` is the file name of the certificate; `hosts` go into the certificate; `left_out` are other requested items, as
    text, that do not.
    """

    file: str
    name: str
    subject: x509.Name
    public_key: PublicKey
    hosts: tuple[str, ...]
    role: PeerRole
    left_out: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: FilePath) -> SigningRequest:
        """Read a request in PEM or DER. Raises ConfigError if it is not one, is forged, or too weak to be signed."""
        file = Path(path)
        request = _parse(file)
        key = _check_key(file, request)
        _check_signature(file, request)
        _check_subject(file, request.subject)
        hosts, left_out = _wishes(file, request)
        return cls(str(file), file.stem, request.subject, key, hosts, role_of_request(request), left_out)

    def describe(self) -> list[tuple[str, str]]:
        """What it asks for, as labels and texts to show."""
        role = {
            RoleFinding.PRESENT: f"{printable(self.role.value)} (ignored: only --role gives a role)",
            RoleFinding.ABSENT: "none",
            RoleFinding.MALFORMED: f"malformed, ignored: {self.role.detail}",
        }[self.role.finding]
        return [
            ("subject", render_name(self.subject)),
            ("hosts", ", ".join(self.hosts) or "none"),
            ("role asked for", role),
            ("key", render_key_kind(self.public_key)),
            *(("left out", wish) for wish in self.left_out),
        ]


def _parse(file: Path) -> x509.CertificateSigningRequest:
    data = read_file(file, "the signing request")
    load = x509.load_pem_x509_csr if b"-----BEGIN" in data else x509.load_der_x509_csr
    try:
        return load(data)
    except UNPARSABLE:
        raise refusal_of(
            data,
            file,
            problem=f"the file holds no signing request in PEM or DER{instead_of('a signing request', data)}",
            hint="a file of a request begins with -----BEGIN CERTIFICATE REQUEST-----",
        ) from None


def _check_key(file: Path, request: x509.CertificateSigningRequest) -> PublicKey:
    hint = "make it with ECDSA P-256, P-384 or P-521, or with RSA of 2048 bits or more"
    try:
        key = request.public_key()
    except UNPARSABLE:
        raise ConfigError("its key cannot be read", file=str(file), hint=hint) from None
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            raise ConfigError(f"its RSA key has {key.key_size} bits, fewer than 2048", file=str(file), hint=hint)
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return key
    raise ConfigError("its key is of a kind that is not signed", file=str(file), hint=hint)


def _check_signature(file: Path, request: x509.CertificateSigningRequest) -> None:
    hint = "make it again, signed with SHA-256 by the key it is for"
    try:
        algorithm = request.signature_hash_algorithm
        if isinstance(algorithm, WEAK_HASHES):
            raise ConfigError(f"it is signed with {algorithm.name.upper()}", file=str(file), hint=hint)
        is_valid = request.is_signature_valid
    except (InvalidSignature, *UNPARSABLE):
        is_valid = False
    if not is_valid:
        raise ConfigError("its signature is wrong: it was changed, or made without the key", file=str(file), hint=hint)


def _check_subject(file: Path, subject: x509.Name) -> None:
    text = subject.rfc4514_string()
    if not text or not text.isprintable():
        raise ConfigError(
            f"its subject {render_name(subject)} is empty or holds control characters",
            file=str(file),
            hint="make it again with a plain common name",
        )


def _wishes(file: Path, request: x509.CertificateSigningRequest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The hosts that can be used, and what else it asks for."""
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    except UNPARSABLE:
        raise ConfigError("its extensions cannot be read", file=str(file), hint="make it again") from None
    hosts: list[str] = []
    left_out: list[str] = []
    for name in names:
        if isinstance(name, x509.DNSName | x509.IPAddress):
            parse_host(str(name.value))
            hosts.append(str(name.value))
        else:
            left_out.append(f"{type(name).__name__} {printable(str(name.value))}")
    return tuple(hosts), tuple(left_out)
