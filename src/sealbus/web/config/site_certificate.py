"""The certificate of the site: given by the operator, or made here, and renewed without a restart.

Who has no certificate gets an authority of the site's own in `web-tls/` of the state folder and a certificate for the
public host; people trust `web-tls/ca.crt` once and see no warning again. It is renewed in its last month under the same
authority and key. A given certificate is read again when its file changes; a broken one changes nothing and is logged.

New connections get the certificate in force: the context that the server was started with hands each of them over to
the newest one, whatever name it asks for.
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
    """What was made here, and what people trust: `anchor`, whose SHA-256 is `fingerprint`."""

    certificate: Path
    key: Path
    anchor: Path
    fingerprint: str


def own_certificate(home: Path, host: str, *, now: datetime | None = None) -> OwnCertificate:
    """The certificate for this host in the state folder, made or renewed when it is time. Safe beside others who ask."""
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
    """Whether this certificate is by this authority, for these hosts, and not yet in its last month."""
    try:
        leaf = x509.load_pem_x509_certificates(path.read_bytes())[0]
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    own = {str(name.value) for name in names}
    ends = min(leaf.not_valid_after_utc, authority.root.not_valid_after_utc)
    return leaf.issuer == authority.root.subject and set(hosts) <= own and now < ends - _RENEWED_BEFORE


class SiteCertificate:
    """The TLS context of the site, and the watch over its files."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.own: OwnCertificate | None = None
        self._certificate, self._key = self._files()
        self._stamp = self._stamp_of_files()
        identity = self._identity()
        self._newest = build_site_context(identity)
        self.context = build_site_context(identity)
        self.context.sni_callback = self._hand_over

    async def watch(self, every_s: float) -> None:
        """Take up what changes, for ever."""
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(self.renew)

    def renew(self) -> bool:
        """Look once; whether something new is in force."""
        try:
            self._certificate, self._key = self._files()
            stamp = self._stamp_of_files()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            self._newest = build_site_context(self._identity())
        except (ConfigError, OSError) as error:
            _log.error("the certificate of the site cannot be renewed, the last good one stays: %s", error)
            return False
        _log.info("the certificate %s is in force for new connections", self._certificate)
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

    def _hand_over(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._newest
