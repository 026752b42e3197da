"""The newest revocation list of each issuer that was in force here, kept across restarts.

Without it, putting back an older list that is still in date would bring back everything that was revoked since: both lists
are signed and valid. RFC 5280, 5.2.3 lets numbers grow with each list of an issuer and scope; not every authority numbers
its lists, so this update counts as well. A list whose number or whose this update is smaller is refused, and the last good
lists stay in force. A list that is not in force yet is not kept: one date in the future, set by mistake, would refuse all
that follow.

The issuer's certificate is kept with the entry, to verify its lists after a restart also where it came from a peer's
chain and is in no trust file. It makes nobody trusted. The number of entries has a bound; the one in force least recently
is dropped first.
"""

from __future__ import annotations

import hashlib
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations when it builds the decoder
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sealbus.durable_files import PRIVATE, write_atomically
from sealbus.errors import ConfigError
from sealbus.security.names import render_name
from sealbus.security.parsing import UNPARSABLE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sealbus.security.revocation import RevocationList, RevocationLists

__all__ = ["SeenLists"]

_MAX_ENTRIES: Final = 256
_MAX_FILE_BYTES: Final = 16 * 1024 * 1024

_Key = tuple[str, str]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest list of one issuer and scope. `number` is hexadecimal: it has up to 20 bytes (RFC 5280, 5.2.3)."""

    issuer: bytes
    scope: str
    number: str | None
    this_update: datetime


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lists: list[_Entry]
    format: int = 1


class SeenLists:
    """What is in `path`, and since then. Nothing is written before `save`."""

    def __init__(self, path: Path, entries: Iterable[_Entry] = ()) -> None:
        self.path = path
        self._entries: dict[_Key, _Entry] = {}
        self._issuers: dict[_Key, x509.Certificate] = {}
        for entry in entries:
            issuer = x509.load_der_x509_certificate(entry.issuer)
            key = _key_of(issuer, entry.scope)
            self._entries[key], self._issuers[key] = entry, issuer
        self.is_unsaved = False
        """Whether `save` is due."""

    @classmethod
    def load(cls, path: Path) -> SeenLists:
        """Read the file; where there is none, no list was seen. Raises ConfigError for one that cannot be read."""
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_FILE_BYTES)
            return cls(path, msgspec.json.decode(data, type=_File).lists)
        except FileNotFoundError:
            return cls(path)
        except (OSError, msgspec.DecodeError, *UNPARSABLE) as error:
            reason = error.strerror if isinstance(error, OSError) else "it was changed or damaged"
            raise ConfigError(
                f"the revocation lists seen so far cannot be read: {reason}",
                file=str(path),
                hint="restore it from a backup; or, if all lists are known to be the newest, delete it",
            ) from None

    @property
    def has_any(self) -> bool:
        """Whether any list was ever in force here."""
        return bool(self._entries)

    def check(self, lists: RevocationLists) -> None:
        """Raise ConfigError that names the file of a list that is older than one seen before."""
        for key, entry in self._entries.items():
            signed = [one for one in lists.signed_by(self._issuers[key]) if one.scope.text == entry.scope]
            if signed and (problem := _why_older(newest := _newest(signed), entry)):
                raise ConfigError(
                    f"the revocation list of {render_name(newest.crl.issuer)} is older than one used here before: "
                    f"{problem}",
                    file=newest.file,
                    hint=f"install the newest list; if its authority really began again, delete {self.path} and restart",
                )

    def record(self, lists: RevocationLists, now: datetime) -> None:
        """Take up the lists in force at `now`, which `check` has passed. What is new has to be saved."""
        for issuer, signed in lists.verified():
            for scope in {one.scope.text for one in signed if one.begin <= now}:
                newest = _newest([one for one in signed if one.scope.text == scope and one.begin <= now])
                self._record(issuer, newest)
        while len(self._entries) > _MAX_ENTRIES:
            oldest = next(iter(self._entries))
            del self._entries[oldest], self._issuers[oldest]

    def save(self) -> None:
        """Write the file durably. Raises OSError; `is_unsaved` stays true then."""
        content = msgspec.json.format(msgspec.json.encode(_File(list(self._entries.values()))))
        write_atomically(self.path, content + b"\n", mode=PRIVATE, replace=True)
        self.is_unsaved = False

    def _record(self, issuer: x509.Certificate, newest: RevocationList) -> None:
        key = _key_of(issuer, newest.scope.text)
        before = self._entries.pop(key, None)  # so that it comes to the end of the order
        number = before.number if newest.number is None and before else _hexadecimal(newest.number)
        if before is not None and (before.number, before.this_update) == (number, newest.begin):
            self._entries[key] = before
            return
        der = issuer.public_bytes(serialization.Encoding.DER)
        self._entries[key] = _Entry(der, newest.scope.text, number, newest.begin)
        self._issuers[key] = issuer
        self.is_unsaved = True


def _key_of(issuer: x509.Certificate, scope: str) -> _Key:
    """By the key of the issuer, not its certificate: an authority that renews its certificate goes on counting."""
    key = issuer.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest(), scope


def _newest(lists: Iterable[RevocationList]) -> RevocationList:
    return max(lists, key=lambda one: (one.begin, -1 if one.number is None else one.number))


def _why_older(newest: RevocationList, seen: _Entry) -> str | None:
    # Either is enough. A number alone would let through a list from before its authority was set up again.
    if newest.number is not None and seen.number is not None and newest.number < int(seen.number, 16):
        return f"it has the number {newest.number}, that one had {int(seen.number, 16)}"
    if newest.begin < seen.this_update:
        return f"it was made on {newest.begin:%Y-%m-%d %H:%M:%S} UTC, that one on {seen.this_update:%Y-%m-%d %H:%M:%S}"
    return None


def _hexadecimal(number: int | None) -> str | None:
    return None if number is None else f"{number:x}"
