"""Who the gateway is and whom it believes, read from files, and read again when they change.

Who we are and whom we believe are two halves, and each is reloaded alone: all or nothing, only when every file of it can
be read and fits the others. A broken file keeps the last good state of its half; what was wrong with it is for the caller
to record and to raise as an alarm. So a botched renewal of the own certificate never holds back a revocation list.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError
from sealbus.security import Identity, TlsOptions, Trust, build_client_context, expiries_of
from sealbus.server import ServerSecurity

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from sealbus.gateway.config import IdentityTable
    from sealbus.security import Expiry

__all__ = ["TrustState", "digest_of"]


class TrustState:
    """The identity and trust of one gateway: a server context, a client context, and when their parts expire."""

    server: ServerSecurity
    client_context: ssl.SSLContext

    def __init__(self, table: IdentityTable) -> None:
        self._table = table
        self._options = TlsOptions(
            unsafe_v21_cbc=table.unsafe_v21_cbc, unsafe_null_encryption=table.unsafe_null_encryption
        )
        self._identity_digests = _digests(self._identity_files)
        self._trust_digests = _digests(self.trust_files)
        self._build(_load_identity(table), Trust.load(table.trust, table.crl))

    @property
    def files(self) -> list[str]:
        """Every file this state was read from."""
        return [*self._identity_files, *self.trust_files]

    @property
    def public_files(self) -> list[str]:
        """Those that hold no secret, and may be told by their fingerprints."""
        return [*self.certificate_files, *self.trust_files]

    @property
    def certificate_files(self) -> list[str]:
        return list(self._table.certificate)

    @property
    def trust_files(self) -> list[str]:
        return [*self._table.trust, *self._table.crl]

    def reload_identity(self) -> bool:
        """Take up another certificate or key. False when nothing changed. Raises ConfigError and keeps the old ones."""
        digests = _digests(self._identity_files)
        if digests == self._identity_digests:
            return False
        self._build(_load_identity(self._table), self.server.trust)
        self._identity_digests = digests
        return True

    def reload_trust(self) -> bool:
        """Take up other anchors or lists. False when nothing changed. Raises ConfigError and keeps the old ones."""
        digests = _digests(self.trust_files)
        if digests == self._trust_digests:
            return False
        trust = Trust.load(self._table.trust, self._table.crl)
        if lost := trust.lists_lost_since(self.server.trust):
            # Somebody else's list, or a forged one: taken up, it would end every session and let nobody in.
            raise ConfigError(
                f"no revocation list is signed by {lost[0]} any more",
                file=self._table.crl[0],
                hint="put the list of that authority back, or a newer one",
            )
        self._build(self.server.identity, trust)
        self._trust_digests = digests
        return True

    @property
    def warnings(self) -> list[str]:
        """What the operator should read: nothing that hinders, but nothing that is meant either."""
        identity, trust = self.server.identity, self.server.trust
        return [
            *identity.warnings,
            *identity.chain_warnings(each.certificate for each in trust.anchors),
            *trust.warnings,
        ]

    @property
    def expiries(self) -> list[Expiry]:
        """Everything of this state that runs out one day."""
        return expiries_of(self.server.identity, self.server.trust)

    @property
    def _identity_files(self) -> list[str]:
        table = self._table
        return [*table.certificate, *table.key, *([table.passphrase_file] if table.passphrase_file else [])]

    def _build(self, identity: Identity, trust: Trust) -> None:
        client_context = build_client_context(identity, trust, self._options)
        self.server, self.client_context = ServerSecurity(identity, trust, self._options), client_context


def digest_of(file: str) -> str:
    """The SHA-256 of a file's bytes in hexadecimal; "unreadable" where it cannot be read."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


def _digests(files: Iterable[str]) -> list[str]:
    return [digest_of(file) for file in files]


def _load_identity(table: IdentityTable) -> Identity:
    password = None
    if table.passphrase_file:
        try:
            password = Path(table.passphrase_file).read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise ConfigError(
                f"cannot be read: {error.strerror}", file=table.passphrase_file, hint="name a readable file"
            ) from None
    return Identity.load(table.certificate, table.key, password)
