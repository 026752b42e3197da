"""The certificate of the site: from the operator, or issued here, and renewed without a restart.

Without a certificate from the operator, the site creates its own authority in `web-tls/` of the state folder and issues a
certificate for the public host. Users trust `web-tls/ca.crt` once and see no more warnings. The certificate is renewed in
its last month, under the same authority. A certificate of the operator is read again when its file changes; one that
cannot be loaded changes nothing and is logged.

New connections get the newest certificate: the SNI callback of the server's context switches each connection to the
newest context, for any name that the client sends.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sealbus.errors import ConfigError
from sealbus.security import Authority, Identity, build_site_context
from sealbus.text_files import why_unreadable
from sealbus.web.config.exposure import is_loopback_host
from sealbus.web.config.folder_lock import locked_folder

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from sealbus.web.config.environment import Environment

__all__ = ["OwnCertificate", "SiteCertificate", "own_certificate"]

_log = logging.getLogger(__name__)

_NAME = "site"
_RENEWED_BEFORE = timedelta(days=30)
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """The certificate issued here. Users trust `anchor`, whose SHA-256 is `fingerprint`."""

    certificate: Path
    key: Path
    anchor: Path
    fingerprint: str


def own_certificate(home: Path, host: str, *, now: datetime | None = None) -> OwnCertificate:
    """The certificate for this host in the state folder, issued or renewed if needed. Safe with several processes."""
    folder = home / "web-tls"
    certificate = folder / f"{_NAME}.crt"
    hosts = list(dict.fromkeys((host, *_LOOPBACK_NAMES))) if is_loopback_host(host) else [host]
    with locked_folder(home, "web-tls.lock"):
        if (folder / "ca.crt").exists():
            authority = Authority.open(folder)
        else:
            authority = Authority.create(folder, f"Sealbus site {host}"[:64])
        if not _serves(certificate, authority, hosts, now or datetime.now(UTC)):
            authority.issue(_NAME, hosts=hosts)
    digest = hashlib.sha256(authority.root.public_bytes(Encoding.DER)).digest()
    return OwnCertificate(certificate, folder / f"{_NAME}.key", folder / "ca.crt", digest.hex(":").upper())


def _serves(path: Path, authority: Authority, hosts: list[str], now: datetime) -> bool:
    """Whether the certificate is from this authority, for these hosts, and not in its last month."""
    try:
        leaf = x509.load_pem_x509_certificates(path.read_bytes())[0]
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    own = {str(name.value) for name in names}
    ends = min(leaf.not_valid_after_utc, authority.root.not_valid_after_utc)
    return leaf.issuer == authority.root.subject and set(hosts) <= own and now < ends - _RENEWED_BEFORE


def _check_given(environment: Environment) -> None:
    """Raise ConfigError that names the setting of a file that cannot be read."""
    given = {"SEALBUS_TLS_CERTIFICATE": environment.tls_certificate, "SEALBUS_TLS_KEY": environment.tls_key}
    for key, path in given.items():
        if path is not None and (reason := why_unreadable(path)) is not None:
            hint = "name the right file, and let this user read it"
            raise ConfigError(f"{path} cannot be read: {reason}", key=key, hint=hint)


class SiteCertificate:
    """The TLS context of the site, and the watch of its files."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.own: OwnCertificate | None = None
        self._certificate, self._key = self._files()
        _check_given(environment)
        self._stamp = self._stamp_of_files()
        identity = self._identity()
        self._newest = build_site_context(identity)
        self.context = build_site_context(identity)
        self.context.sni_callback = self._use_newest

    async def watch(self, every_s: float) -> None:
        """Load changed files until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(self.renew)

    def renew(self) -> bool:
        """Check the files once. Returns whether a new certificate is in use."""
        try:
            self._certificate, self._key = self._files()
            stamp = self._stamp_of_files()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            self._newest = build_site_context(self._identity())
        except (ConfigError, OSError) as error:
            _log.error("the certificate of the site cannot be loaded, the last good one stays in use: %s", error)
            return False
        _log.info("the certificate %s is in use for new connections", self._certificate)
        return True

    def _files(self) -> tuple[Path, Path]:
        given, key = self._environment.tls_certificate, self._environment.tls_key
        if given is not None and key is not None:
            return given, key
        self.own = own_certificate(self._environment.home, self._environment.public_host)
        return self.own.certificate, self.own.key

    def _identity(self) -> Identity:
        identity = Identity.load(self._certificate, self._key)
        for warning in identity.warnings:
            _log.warning("%s", warning)
        return identity

    def _stamp_of_files(self) -> bytes:
        return hashlib.sha256(self._certificate.read_bytes() + self._key.read_bytes()).digest()

    def _use_newest(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._newest
