"""The identity of the gateway and the trust in its peers, read from files, and read again when they change.

Identity and trust are two halves. Each is reloaded separately, completely or not at all: only if all its files can be
read and match each other. A broken file keeps the last good state of its half; the caller records the error and raises
an alarm. So a failed renewal of the gateway's own certificate never delays a revocation list.

A revocation list is refused that is older than one that was in force here before (`SeenLists`), or that would refuse the
peers of an authority whose lists in force are in date.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.endpoints import Scheme, parse_endpoint
from sealbus.errors import ConfigError
from sealbus.security import (
    Identity,
    SeenLists,
    TlsOptions,
    Trust,
    build_client_context,
    check_purposes,
    expiries_of,
    name_warnings,
)
from sealbus.server import ServerSecurity

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from sealbus.gateway.config import GatewayFile, IdentityTable
    from sealbus.security import Expiry

__all__ = ["GatewaySecurity", "digest_of"]

_SEEN_NAME = "revocation-lists.json"


class GatewaySecurity:
    """The identity and trust of one gateway: a server context, a client context, and when their parts expire."""

    server_security: ServerSecurity
    client_context: ssl.SSLContext

    def __init__(self, table: IdentityTable, file: GatewayFile) -> None:
        """Read all files of `table`, which is that of `file`, and which lists were seen. Writes nothing."""
        self._table = table
        self._serves = any(_is_mbaps(each.url, listening=True) for each in file.listener)
        self._dials = any(_is_mbaps(device.url) for each in file.listener for device in each.device)
        self._seen = SeenLists.load(Path(file.gateway.records) / _SEEN_NAME)
        self.list_grace = timedelta(seconds=table.crl_grace)
        """How long open connections go on after a list above them ran out."""
        self._options = TlsOptions(
            unsafe_v21_cbc=table.unsafe_v21_cbc, unsafe_null_encryption=table.unsafe_null_encryption
        )
        self._identity_digests = _digests(self._identity_files)
        self._trust_digests = _digests(self.trust_files)
        self._build(self._load_identity(), self._load_trust())

    @property
    def files(self) -> list[str]:
        """Every file of this state."""
        return [*self._identity_files, *self.trust_files]

    @property
    def public_files(self) -> list[str]:
        """The files without secrets; their fingerprints may be published."""
        return [*self.certificate_files, *self.trust_files]

    @property
    def certificate_files(self) -> list[str]:
        return list(self._table.certificate)

    @property
    def trust_files(self) -> list[str]:
        return [*self._table.trust, *self._table.crl]

    def reload_identity(self) -> bool:
        """Load a changed certificate or key. Returns False when nothing changed. Raises ConfigError and keeps the old
        ones.
        """
        digests = _digests(self._identity_files)
        if digests == self._identity_digests:
            return False
        self._build(self._load_identity(), self.server_security.trust)
        self._identity_digests = digests
        return True

    def reload_trust(self) -> bool:
        """Load changed anchors or lists. Returns False when nothing changed. Raises ConfigError and keeps the old ones."""
        digests = _digests(self.trust_files)
        if digests == self._trust_digests:
            return False
        trust = self._load_trust()
        if lost := trust.lists_lost_since(self.server_security.trust, datetime.now(UTC)):
            # A list of another authority, a forged one, or one that is not in date: in force, it would refuse every client.
            raise ConfigError(
                lost[0],
                file=self._table.crl[0],
                hint="restore the list of that authority, or install a newer one",
            )
        self._build(self.server_security.identity, trust)
        self._trust_digests = digests
        return True

    def keep_seen_lists(self) -> None:
        """Write down which lists are in force, where that has changed. Raises OSError; a later call tries again."""
        self._seen.record(self.server_security.trust.revocation, datetime.now(UTC))
        if self._seen.is_unsaved:
            self._seen.save()

    @property
    def warnings(self) -> list[str]:
        """What the operator should know: it does not prevent operation, but is probably not intended."""
        identity, trust = self.server_security.identity, self.server_security.trust
        return [
            *identity.warnings,
            *(name_warnings(identity) if self._serves else ()),
            *identity.chain_warnings(each.certificate for each in trust.anchors),
            *trust.warnings,
        ]

    def list_problems(self) -> dict[str, str]:
        """The authorities whose lists are not in date now, by name, and what follows."""
        return {
            f"revocation list of {name}": f"{problem}: new connections of its peers are refused; "
            f"open ones end {self._table.crl_grace:g} s after their list (crl_grace)"
            for name, problem in self.server_security.trust.list_problems(datetime.now(UTC)).items()
        }

    @property
    def expiries(self) -> list[Expiry]:
        """Every certificate and list of this state that expires."""
        return expiries_of(self.server_security.identity, self.server_security.trust)

    @property
    def _identity_files(self) -> list[str]:
        table = self._table
        return [*table.certificate, *table.key, *([table.passphrase_file] if table.passphrase_file else [])]

    def _load_identity(self) -> Identity:
        identity = _load_identity(self._table)
        check_purposes(identity, serves=self._serves, dials=self._dials)
        return identity

    def _load_trust(self) -> Trust:
        trust = Trust.load(self._table.trust, self._table.crl)
        self._seen.check(trust.revocation)
        return trust

    def _build(self, identity: Identity, trust: Trust) -> None:
        client_context = build_client_context(identity, trust, self._options)
        self.server_security, self.client_context = ServerSecurity(identity, trust, self._options), client_context


def digest_of(file: str) -> str:
    """The SHA-256 of a file in hexadecimal; "unreadable" if it cannot be read."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


def _is_mbaps(url: str, *, listening: bool = False) -> bool:
    return parse_endpoint(url, listening=listening).scheme is Scheme.MBAPS


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
