"""The hash of an entry: SHA-256 over the previous hash and the canonical JSON of the entry (sorted and compact, similar to
RFC 8785).

Everything that is shown is hashed. Times are rendered with microseconds in UTC, as they are stored, so an entry from
either database has the same hash as when it was written.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealbus.web.audit.models import Entry

__all__ = ["FIRST_HASH", "canonical", "hash_of"]

FIRST_HASH = "0" * 64


def canonical(entry: Entry) -> bytes:
    """The bytes of an entry that are hashed."""
    members = {
        "sequence": entry.sequence,
        "time": entry.time.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_kind": entry.actor_kind,
        "actor_id": entry.actor_id,
        "actor_name": entry.actor_name,
        "address": entry.address,
        "action": entry.action,
        "target_kind": entry.target_kind,
        "target_id": entry.target_id,
        "target_name": entry.target_name,
        "result": entry.result,
        "detail": entry.detail,
    }
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def hash_of(entry: Entry, previous: str) -> str:
    """The hash of an entry that follows the one with the hash `previous`, in hexadecimal."""
    return hashlib.sha256(bytes.fromhex(previous) + canonical(entry)).hexdigest()
