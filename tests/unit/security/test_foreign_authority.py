"""Certificates of another authority, made with the `openssl` program as its manual shows, work just as well."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pki import handshake
from sealbus.errors import ConfigError
from sealbus.security import (
    Authority,
    Identity,
    PeerVerifier,
    SigningRequest,
    Trust,
    build_client_context,
    build_server_context,
)

pytestmark = pytest.mark.needs("openssl")

CONFIGURATION = """\
[req]
distinguished_name = name
[name]
[issuer]
basicConstraints = CA:TRUE
[operator]
1.3.6.1.4.1.50316.802.1 = ASN1:UTF8String:Operator
[server]
subjectAltName = DNS:plc.example, IP:127.0.0.1
"""


class OpensslAuthority:
    """A root, an issuer below it, and leaves: nothing but what the program does by default."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "openssl.cnf").write_text(CONFIGURATION)
        self._openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=Root")
        self.sign("issuer", by="root", section="issuer")

    def _openssl(self, arguments: str, name: str = "root") -> None:
        command = ["openssl", *arguments.split(), "-keyout", f"{name}.key", "-out", f"{name}.crt"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)

    def request(self, name: str, *, key: str = "ec -pkeyopt ec_paramgen_curve:P-256", more: str = "") -> Path:
        """NAME.csr and NAME.key."""
        command = f"openssl req -newkey {key} -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr {more}"
        subprocess.run(command.split(), cwd=self.folder, check=True, capture_output=True)
        return self.folder / f"{name}.csr"

    def sign(self, name: str, *, by: str, section: str = "", **request: str) -> tuple[Path, Path]:
        """NAME.crt with its issuer behind it, without the root, and NAME.key."""
        self.request(name, **request)
        extensions = f"-extfile openssl.cnf -extensions {section}" if section else ""
        command = f"openssl x509 -req -in {name}.csr -CA {by}.crt -CAkey {by}.key -CAcreateserial -days 9 {extensions}"
        done = subprocess.run(command.split(), cwd=self.folder, check=True, capture_output=True)
        certificate = self.folder / f"{name}.crt"
        issuer = (self.folder / f"{by}.crt").read_bytes() if by != "root" else b""
        certificate.write_bytes(done.stdout + issuer)
        return certificate, self.folder / f"{name}.key"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> OpensslAuthority:
    return OpensslAuthority(tmp_path_factory.mktemp("openssl"))


@pytest.mark.parametrize("key", ["ec -pkeyopt ec_paramgen_curve:P-256", "rsa:2048"])
@pytest.mark.parametrize("by", ["root", "issuer"])
def test_leaves_of_the_openssl_program_connect_with_their_role(authority: OpensslAuthority, by: str, key: str) -> None:
    trust = Trust.load(authority.folder / "root.crt")
    server = build_server_context(Identity.load(*authority.sign("server", by=by, section="server", key=key)), trust)
    client = build_client_context(Identity.load(*authority.sign("operator", by=by, section="operator", key=key)), trust)
    for host in ("plc.example", "127.0.0.1"):
        end, _ = handshake(server, client, host=host)
        peer = PeerVerifier(trust).peer(end, datetime.now(UTC))
        assert peer.role.value == "Operator"
        assert len(peer.chain) == (2 if by == "root" else 3)


def test_a_version_1_certificate_without_any_extension_has_no_role(authority: OpensslAuthority) -> None:
    trust = Trust.load(authority.folder / "root.crt")
    server = build_server_context(Identity.load(*authority.sign("server", by="root", section="server")), trust)
    client = build_client_context(Identity.load(*authority.sign("bare", by="root")), trust)
    end, _ = handshake(server, client, host="plc.example")
    assert PeerVerifier(trust).peer(end, datetime.now(UTC)).role.value == ""


def test_the_openssl_program_verifies_what_our_authority_issues(authority: OpensslAuthority, tmp_path: Path) -> None:
    ours = Authority.create(tmp_path / "ca", "Plant")
    good = ours.issue("good", role="Operator", hosts=["plc.example"])
    bad = ours.issue("bad")
    ours.revoke("bad")
    folder = tmp_path / "ca"
    verify = ["openssl", "verify", "-x509_strict", "-crl_check_all", "-purpose"]
    trust = ["-CAfile", str(folder / "ca.crt"), "-CRLfile", str(folder / "ca.crl")]
    for purpose in ("sslclient", "sslserver"):
        done = subprocess.run([*verify, purpose, *trust, str(good.certificate)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    done = subprocess.run([*verify, "sslclient", *trust, str(bad.certificate)], capture_output=True, text=True)
    assert "certificate revoked" in done.stderr


def test_the_openssl_program_shows_the_role_as_the_specification_does(tmp_path: Path) -> None:
    done = Authority.create(tmp_path / "ca", "Plant").issue("op", role="Operator")
    text = subprocess.run(
        ["openssl", "asn1parse", "-in", str(done.certificate)], capture_output=True, text=True, check=True
    ).stdout
    place = text.index("OBJECT            :1.3.6.1.4.1.50316.802.1\n")
    following = text[place:].splitlines()[1]
    assert following.endswith("OCTET STRING      [HEX DUMP]:0C084F70657261746F72")


def test_a_request_of_the_openssl_program_can_be_signed(authority: OpensslAuthority, tmp_path: Path) -> None:
    path = authority.request("pump", more="-addext subjectAltName=DNS:pump.example,email:a@b.example")
    request = SigningRequest.load(path)
    assert request.hosts == ("pump.example",)
    ours = Authority.create(tmp_path / "ca", "Plant")
    done = ours.sign(request, role="Operator", directory=authority.folder)
    identity = Identity.load(done.certificate, authority.folder / "pump.key")
    assert identity.subject == "CN=pump"


@pytest.mark.parametrize(("key", "words"), [("rsa:1024", "1024 bits"), ("ed25519", "kind that is not signed")])
def test_a_request_with_a_weak_or_unsupported_key_is_refused(authority: OpensslAuthority, key: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        SigningRequest.load(authority.request("weak", key=key))


@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_a_weakly_signed_request_is_refused(authority: OpensslAuthority, digest: str) -> None:
    path = authority.request("weak", key="rsa:2048", more=f"-{digest}")
    with pytest.raises(ConfigError, match=f"signed with {digest.upper()}"):
        SigningRequest.load(path)


def test_the_commands_in_the_document_have_the_documented_result(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs/certificates.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    subprocess.run(["sh", "-e"], input=commands, cwd=tmp_path, text=True, check=True, capture_output=True)
    trust = Trust.load(tmp_path / "root.crt")
    server = build_server_context(Identity.load(tmp_path / "server.crt", tmp_path / "server.key"), trust)
    client = build_client_context(Identity.load(tmp_path / "operator.crt", tmp_path / "operator.key"), trust)
    end, _ = handshake(server, client, host="192.0.2.7")
    assert PeerVerifier(trust).peer(end, datetime.now(UTC)).role.value == "Operator"
