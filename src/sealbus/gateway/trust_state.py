"""Who the gateway is and whom it believes, read from files, and read again when they change.

A reload is all or nothing: only when every file can be read and fits the others does the new state replace the old one.
A broken file keeps the last good state; what was wrong with it is for the caller to record and to raise as an alarm.
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

    from sealbus.gateway.config import IdentityTable
    from sealbus.security import Expiry

__all__ = ["TrustState", "digest_of"]


class TrustState:
    """The identity and trust of one gateway: a server context, a client context, and when their parts expire."""

    def __init__(self, table: IdentityTable) -> None:
        self._table = table
        self._digests = [digest_of(file) for file in self.files]
        self.server, self.client_context = _load(table)

    @property
    def files(self) -> list[str]:
        """Every file this state was read from."""
        table = self._table
        passphrase = [table.passphrase_file] if table.passphrase_file else []
        return [*self.public_files, *table.key, *passphrase]

    @property
    def public_files(self) -> list[str]:
        """Those that hold no secret, and may be told by their fingerprints."""
        return [*self._table.certificate, *self._table.trust, *self._table.crl]

    def reload(self) -> bool:
        """Take up what changed. False when nothing did. Raises ConfigError and keeps the old state."""
        digests = [digest_of(file) for file in self.files]
        if digests == self._digests:
            return False
        self.server, self.client_context = _load(self._table)
        self._digests = digests
        return True

    @property
    def warnings(self) -> list[str]:
        """What the operator should read: nothing that hinders, but nothing that is meant either."""
        identity, trust = self.server.identity, self.server.trust
        return [*identity.warnings, *identity.chain_warnings(each.certificate for each in trust.anchors), *trust.warnings]

    @property
    def expiries(self) -> list[Expiry]:
        """Everything of this state that runs out one day."""
        return expiries_of(self.server.identity, self.server.trust)


def digest_of(file: str) -> str:
    """The SHA-256 of a file's bytes in hexadecimal; "unreadable" where it cannot be read."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


def _load(table: IdentityTable) -> tuple[ServerSecurity, ssl.SSLContext]:
    password = None
    if table.passphrase_file:
        try:
            password = Path(table.passphrase_file).read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise ConfigError(
                f"cannot be read: {error.strerror}", file=table.passphrase_file, mend="name a readable file"
            ) from None
    identity = Identity.load(table.certificate, table.key, password)
    trust = Trust.load(table.trust, table.crl)
    options = TlsOptions(unsafe_v21_cbc=table.unsafe_v21_cbc, unsafe_null_encryption=table.unsafe_null_encryption)
    return ServerSecurity(identity, trust, options), build_client_context(identity, trust, options)
