"""HTTPS with a generated or a given certificate; a new certificate is used without a restart, a broken one is not."""

from __future__ import annotations

import hashlib
import socket
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509

from pki import make_leaf, make_root, save_trust
from scenarios.site_process import SiteProcess, open_site, read_to_the_end, refused_start
from sealbus.web.config.limits import ServerLimits
from sealbus.web.config.site_certificate import own_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    """A site with a generated certificate. Tests share it."""
    with open_site(tmp_path_factory.mktemp("own"), https=True) as running:
        yield running


def test_the_generated_certificate_is_trusted_only_with_its_authority(own: SiteProcess) -> None:
    assert own.trust is not None
    answer = own.get("/health/live")
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        httpx.get(f"{own.url}/health/live")
    output = "\n".join(own.program.lines)
    assert str(own.trust) in output
    root = x509.load_pem_x509_certificate(own.trust.read_bytes())
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(own.trust.read_text())).digest()
    assert digest.hex(":").upper() in output
    assert root.subject == root.issuer


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_versions_are_refused_and_new_ones_are_not(version: ssl.TLSVersion, own: SiteProcess) -> None:
    context = ssl.create_default_context(cafile=own.trust)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        _handshake(own, context)
    for good in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=own.trust)
        context.minimum_version = context.maximum_version = good
        assert _handshake(own, context) == good.name.replace("_", ".")


def test_plain_http_on_the_tls_port_gets_nothing(own: SiteProcess) -> None:
    with socket.create_connection(("127.0.0.1", own.port), 10) as wire:
        wire.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        received = wire.recv(1000)
        assert b"alive" not in received


def test_a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not(tmp_path: Path) -> None:
    root = make_root()
    home = tmp_path / "home"
    trust = save_trust(tmp_path / "trust.pem", root)
    files = make_leaf(root, hosts=("127.0.0.1",)).save(tmp_path, "given")
    variables = {"SEALBUS_TLS_CERTIFICATE": str(files[0]), "SEALBUS_TLS_KEY": str(files[1])}
    with open_site(tmp_path, https=True, limits=ServerLimits(certificate_check_s=0.1), **variables) as site:
        site.trust = trust
        assert not (home / "web-tls").exists()
        first = _serial(site)
        open_before = site.connect()
        broken = tmp_path / "broken.crt"
        broken.write_text("broken")
        broken.replace(files[0])  # each change in one step, or the site may read half of it
        site.program.wait_for("cannot be loaded, the last good one stays")
        assert _serial(site) == first
        certificate, key = make_leaf(root, hosts=("127.0.0.1",)).save(tmp_path, "next")
        certificate.replace(files[0])
        site.program.wait_for("cannot be loaded")  # its key does not exist yet
        key.chmod(0o644)
        key.replace(files[1])
        site.program.wait_for("can be read by other users")
        site.program.wait_for("is in use for new connections")
        assert _serial(site) != first
        open_before.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert b"alive" in read_to_the_end(open_before)
        open_before.close()


def test_an_unusable_certificate_stops_the_start(tmp_path: Path) -> None:
    certificate, _ = make_leaf(make_root(), hosts=("127.0.0.1",)).save(tmp_path, "a")
    _, key = make_leaf(make_root(), hosts=("127.0.0.1",)).save(tmp_path, "b")
    variables = {"SEALBUS_TLS_CERTIFICATE": str(certificate), "SEALBUS_TLS_KEY": str(key)}
    done = refused_start(tmp_path, SEALBUS_PUBLIC_URL="https://127.0.0.1", **variables)
    assert done.status == 2
    assert "does not belong to the certificate" in done.stderr


def test_the_generated_certificate_is_renewed_in_its_last_month_by_the_same_authority(tmp_path: Path) -> None:
    first = own_certificate(tmp_path, "plant.example")
    serial = _serial_of(first.certificate)
    assert _serial_of(own_certificate(tmp_path, "plant.example").certificate) == serial
    later = datetime.now(UTC) + timedelta(days=397 - 29)
    renewed = own_certificate(tmp_path, "plant.example", now=later)
    assert _serial_of(renewed.certificate) != serial
    assert renewed.fingerprint == first.fingerprint
    moved = own_certificate(tmp_path, "other.example")
    names = x509.load_pem_x509_certificates(moved.certificate.read_bytes())[0].extensions
    hosts = names.get_extension_for_class(x509.SubjectAlternativeName).value
    assert hosts.get_values_for_type(x509.DNSName) == ["other.example"]
    assert moved.fingerprint == first.fingerprint


def _handshake(site: SiteProcess, context: ssl.SSLContext) -> str | None:
    with (
        socket.create_connection(("127.0.0.1", site.port), 10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as wire,
    ):
        wire.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert wire.recv(10)
        return wire.version()


def _serial(site: SiteProcess) -> str:
    with site.connect() as wire:
        assert isinstance(wire, ssl.SSLSocket)
        certificate = wire.getpeercert() or {}
        return str(certificate["serialNumber"])


def _serial_of(path: Path) -> int:
    return x509.load_pem_x509_certificates(path.read_bytes())[0].serial_number
