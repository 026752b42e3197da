"""HTTPS without anybody's help, or as given; a new certificate is in force without a restart, a broken one is not."""

from __future__ import annotations

import hashlib
import shutil
import socket
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509

from pki import make_leaf, make_root, save_trust
from scenarios.site_process import SiteProcess, open_site, refused_start
from sealbus.web.config.site_certificate import own_certificate

if TYPE_CHECKING:
    from pathlib import Path


def test_its_own_certificate_is_trusted_by_who_trusts_its_authority_and_nobody_else(tmp_path: Path) -> None:
    with open_site(tmp_path, https=True) as site:
        assert site.trust is not None
        answer = site.get("/health/live")
        assert answer.status_code == 200
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(f"{site.url}/health/live")
        said = "\n".join(site.program.lines)
        assert str(site.trust) in said
        root = x509.load_pem_x509_certificate(site.trust.read_bytes())
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(site.trust.read_text())).digest()
        assert digest.hex(":").upper() in said
        assert root.subject == root.issuer


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused_and_new_is_not(version: ssl.TLSVersion, tmp_path: Path) -> None:
    with open_site(tmp_path, https=True) as site:
        context = ssl.create_default_context(cafile=site.trust)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            _handshake(site, context)
        for good in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=site.trust)
            context.minimum_version = context.maximum_version = good
            assert _handshake(site, context) == good.name.replace("_", ".")


def test_plain_http_on_the_tls_port_gets_nothing(tmp_path: Path) -> None:
    with open_site(tmp_path, https=True) as site, socket.create_connection(("127.0.0.1", site.port), 10) as wire:
        wire.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        heard = wire.recv(1000)
        assert b"alive" not in heard


def test_a_new_certificate_is_in_force_without_a_restart_and_a_broken_one_is_not(tmp_path: Path) -> None:
    root = make_root()
    home = tmp_path / "home"
    trust = save_trust(tmp_path / "trust.pem", root)
    files = make_leaf(root, hosts=("127.0.0.1",)).save(tmp_path, "given")
    variables = {"SEALBUS_TLS_CERTIFICATE": str(files[0]), "SEALBUS_TLS_KEY": str(files[1])}
    with open_site(tmp_path, https=True, **variables) as site:
        site.trust = trust
        assert not (home / "web-tls").exists()
        first = _serial(site)
        open_before = site.connect()
        files[0].write_text("broken")
        site.program.wait_for("cannot be renewed, the last good one stays")
        assert _serial(site) == first
        shutil.copy(make_leaf(root, hosts=("127.0.0.1",)).save(tmp_path, "next")[0], files[0])
        site.program.wait_for("cannot be renewed")  # its key is not there yet
        shutil.copy(tmp_path / "next.key", files[1])
        files[1].chmod(0o644)
        site.program.wait_for("can be read by other users")
        site.program.wait_for("is in force for new connections")
        assert _serial(site) != first
        open_before.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert b"alive" in open_before.recv(65536) + open_before.recv(65536)
        open_before.close()


def test_a_given_certificate_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    certificate, _ = make_leaf(make_root(), hosts=("127.0.0.1",)).save(tmp_path, "a")
    _, key = make_leaf(make_root(), hosts=("127.0.0.1",)).save(tmp_path, "b")
    variables = {"SEALBUS_TLS_CERTIFICATE": str(certificate), "SEALBUS_TLS_KEY": str(key)}
    done = refused_start(tmp_path, SEALBUS_PUBLIC_URL="https://127.0.0.1", **variables)
    assert done.status == 2
    assert "does not belong to the certificate" in done.stderr


def test_its_own_certificate_is_renewed_in_its_last_month_for_the_same_authority(tmp_path: Path) -> None:
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
