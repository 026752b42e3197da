"""The identities of the collector towards devices: files below one folder, a folder for each identity.

    NAME/certificate.pem    leaf first, up to the root
    NAME/key.pem
    NAME/trust.pem          the trusted authorities of devices
    NAME/crl.pem            their revocation lists, if there are any
    NAME/crl-seen.json      which of those were in force before; written by the collector

and for SSH servers

    NAME/ssh_key            the private key of the collector
    NAME/known_hosts        the trusted host keys

The files for TLS are checked each time a connection is made, and every two seconds. A change is loaded as a whole or not
at all: where a file cannot be used, the last good state stays in force, and the problem is shown. An identity that was
never good has no connections, and the error names the file. The files for SSH are read for each connection.

A revocation list cannot be used that is older than one seen before, or that would refuse every device; nor can its absence
where there was one before.

A name is that of a folder and can contain no path, and no URL names a file: who configures a site must not choose files of
the collector's machine.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sealbus.durable_files import file_stamp
from sealbus.errors import ConfigError
from sealbus.security import Identity, PeerVerifier, SeenLists, Trust, build_client_context

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from sealbus.durable_files import FileStamp
    from sealbus.endpoints import SshForward

__all__ = ["Credentials", "IdentityFolder"]

_log = logging.getLogger("sealbus.acquisition")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_FILES: Final = ("certificate.pem", "key.pem", "trust.pem", "crl.pem")
_SEEN_NAME: Final = "crl-seen.json"
_SSH_FILES: Final = ("ssh_key", "known_hosts")


@dataclass(slots=True, eq=False)
class Credentials:
    """The last good state of one identity."""

    context: ssl.SSLContext
    trust: Trust
    verifier: PeerVerifier
    seen: SeenLists
    """Which lists were in force for this identity."""

    def keep_seen_lists(self) -> None:
        """Write down which lists are in force, where that has changed. Raises ConfigError; a later call tries again."""
        self.seen.record(self.trust.revocation, datetime.now(UTC))
        if not self.seen.is_unsaved:
            return
        try:
            self.seen.save()
        except OSError as error:
            raise ConfigError(
                f"which revocation lists were seen cannot be written: {error.strerror or error}",
                file=str(self.seen.path),
                hint="let the collector write to this folder, and make room on its disk",
            ) from None


@dataclass(slots=True)
class _IdentityState:
    stamps: tuple[FileStamp | None, ...]
    credentials: Credentials | None
    problem: ConfigError | None
    keeping_problem: ConfigError | None = None

    def keep_seen_lists(self) -> None:
        """Try to write what was seen; a failure is shown, and the credentials can be used all the same."""
        self.keeping_problem = None
        if self.credentials is not None:
            try:
                self.credentials.keep_seen_lists()
            except ConfigError as error:
                self.keeping_problem = error


class IdentityFolder:
    """The identities below `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._states: dict[str, _IdentityState] = {}

    def credentials(self, name: str) -> Credentials:
        """The credentials of an identity, as new as its files. Raises ConfigError that names the file or key at fault."""
        state = self._refresh(name)
        if state.credentials is None:
            raise state.problem or ConfigError("cannot be used", key="identity")
        return state.credentials

    def forward(self, name: str, forward: SshForward) -> SshForward:
        """The same forward with the files of an identity. Raises ConfigError that names a missing file."""
        key, known_hosts = (self._folder(name) / file for file in _SSH_FILES)
        for file in (key, known_hosts):
            if not file.is_file():
                raise ConfigError("is missing", file=str(file), key="identity", hint="add this file")
        return dataclasses.replace(forward, key=str(key), known_hosts=str(known_hosts))

    def problem(self, name: str) -> str:
        """What is wrong with its files now, also while the last good state is in force; empty when nothing is."""
        state = self._states.get(name)
        found = (state.problem or state.keeping_problem) if state is not None else None
        return str(found) if found is not None else ""

    def changed(self) -> set[str]:
        """The identities whose changed files were loaded since the last call."""
        before = {name: state.credentials for name, state in self._states.items()}
        return {name for name, credentials in before.items() if self._refresh(name).credentials is not credentials}

    def retain(self, names: set[str]) -> None:
        """Drop all others."""
        self._states = {name: state for name, state in self._states.items() if name in names}

    def _folder(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ConfigError(f'"{name}" is not an identity', key="identity", hint="name a folder below identities")
        return self._path / name

    def _refresh(self, name: str) -> _IdentityState:
        folder = self._folder(name)
        stamps = tuple(file_stamp(folder / file) for file in _FILES)
        state = self._states.get(name)
        if state is not None and state.stamps == stamps:
            state.keep_seen_lists()  # a list may have come into force since, and a peer may have shown its issuer
            return state
        credentials, problem = state.credentials if state else None, None
        try:
            credentials = self._load(name, credentials)
        except ConfigError as error:
            problem = error
        state = self._states[name] = _IdentityState(stamps, credentials, problem)
        state.keep_seen_lists()
        return state

    def _load(self, name: str, before: Credentials | None) -> Credentials:
        certificate, key, anchors, crl = (self._path / name / file for file in _FILES)
        if not certificate.parent.is_dir():
            raise ConfigError(
                "there is no such identity",
                file=str(certificate.parent),
                key="identity",
                hint=f"make the folder, with {', '.join(_FILES[:3])}",
            )
        identity = Identity.load(certificate, key)
        for warning in identity.warnings:
            _log.warning("%s", warning)
        seen = before.seen if before is not None else SeenLists.load(certificate.parent / _SEEN_NAME)
        trust = _load_trust(anchors, crl, seen)
        if before is not None and (lost := trust.lists_lost_since(before.trust, datetime.now(UTC))):
            raise ConfigError(lost[0], file=str(crl), hint="restore the list of that authority, or install a newer one")
        return Credentials(build_client_context(identity, trust), trust, PeerVerifier(trust), seen)


def _load_trust(anchors: Path, crl: Path, seen: SeenLists) -> Trust:
    if not crl.exists() and seen.has_any:  # an absent file must not switch revocation off
        raise ConfigError(
            "is missing, and was used before",
            file=str(crl),
            hint=f"restore it; to use no revocation list any more, delete {seen.path} too, and restart",
        )
    trust = Trust.load(anchors, [crl] if crl.exists() else [])
    seen.check(trust.revocation)
    return trust
