"""The two caches of the site: one in the database for all processes, one in the memory of this process.

Django's own backends for a database and for Redis unpickle what they read, so whoever can change one row or key there
runs code in the site. Here a value is JSON. In the database it carries a MAC, by `django.core.signing` from the secret
key, which covers the key of the entry too: a value that this site did not store under this key counts as missing.

The shared cache counts failed logins and used one-time codes. It is in the database whatever the bus is: it works
while the bus is down, and no option of the bus URL can break signing in. Someone who may write to the table can still
delete entries, and so let more attempts through; the database is trusted for that as it is for the accounts.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import math
import threading
import time
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.signing import BadSignature, Signer
from django.db import IntegrityError, transaction

from sealbus.web.coordination.models import CacheEntry

__all__ = ["DatabaseCache", "MemoryCache"]

_SWEEP_EVERY: Final = 64  # writes of this process
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_MISSING: Final = object()
_writes = itertools.count(1)
_log = logging.getLogger(__name__)


class DatabaseCache(BaseCache):
    """The cache of all processes. Times are those of the machine that stores an entry."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """The value, or `default` where there is none, it has ended, or another program has changed it."""
        name = self._name(key, version)
        text = CacheEntry.objects.filter(pk=name, expires_at__gt=_now()).values_list("value", flat=True).first()
        found = _MISSING if text is None else _opened(name, text)
        return default if found is _MISSING else found

    def set(self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store the value until it ends."""
        CacheEntry.objects.bulk_create(
            [self._entry(key, value, timeout, version)],
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["value", "expires_at"],
        )
        self._sweep_sometimes()

    def add(self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store the value unless there is one. Of several processes that add at a time, one gets True."""
        entry = self._entry(key, value, timeout, version)
        CacheEntry.objects.filter(pk=entry.key, expires_at__lte=_now()).delete()
        try:
            with transaction.atomic():
                entry.save(force_insert=True)
        except IntegrityError:
            return False
        self._sweep_sometimes()
        return True

    def touch(self, key: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Let the entry end later. False: there is none."""
        rows = CacheEntry.objects.filter(pk=self._name(key, version), expires_at__gt=_now())
        return bool(rows.update(expires_at=self._end(timeout)))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Whether there was an entry."""
        return bool(CacheEntry.objects.filter(pk=self._name(key, version)).delete()[0])

    def clear(self) -> None:
        """Delete all entries."""
        CacheEntry.objects.all().delete()

    def _name(self, key: Any, version: int | None) -> str:
        """A hash, so that a key may have any length and no name of an account is in the table."""
        return hashlib.sha256(self.make_key(key, version).encode("utf-8", "surrogatepass")).hexdigest()

    def _entry(self, key: Any, value: Any, timeout: float | None, version: int | None) -> CacheEntry:
        name = self._name(key, version)
        return CacheEntry(key=name, value=_signer(name).sign(_encoded(value)), expires_at=self._end(timeout))

    def _end(self, timeout: float | None) -> datetime:
        end = self.get_backend_timeout(timeout)
        return _NEVER if end is None else datetime.fromtimestamp(end, UTC)

    def _sweep_sometimes(self) -> None:
        if next(_writes) % _SWEEP_EVERY == 0:
            self._sweep()

    def _sweep(self) -> None:
        """Delete what has ended. Of too many entries, delete those that end first: newer counts stay in force."""
        CacheEntry.objects.filter(expires_at__lte=_now()).delete()
        excess = CacheEntry.objects.count() - self._max_entries
        if excess > 0:
            first = CacheEntry.objects.order_by("expires_at").values_list("pk", flat=True)[:excess]
            CacheEntry.objects.filter(pk__in=list(first)).delete()


class MemoryCache(BaseCache):
    """The cache of one process; Django makes an object of it for each thread. At the bound the oldest entries go."""

    _lock = threading.Lock()
    _entries: ClassVar[dict[str, tuple[str, float]]] = {}

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """The value, or `default`."""
        text, end = self._entries.get(self.make_key(key, version), ("", 0.0))
        return json.loads(text) if end > time.time() else default

    def set(self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store the value until it ends."""
        entry = _encoded(value), self._end(timeout)
        with self._lock:
            self._put(self.make_key(key, version), entry)

    def add(self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store the value unless there is one."""
        name, entry = self.make_key(key, version), (_encoded(value), self._end(timeout))
        with self._lock:
            if self._entries.get(name, ("", 0.0))[1] > time.time():
                return False
            self._put(name, entry)
        return True

    def touch(self, key: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Let the entry end later. False: there is none."""
        name = self.make_key(key, version)
        with self._lock:
            text, end = self._entries.get(name, ("", 0.0))
            if end <= time.time():
                return False
            self._put(name, (text, self._end(timeout)))
        return True

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Whether there was an entry."""
        with self._lock:
            return self._entries.pop(self.make_key(key, version), None) is not None

    def clear(self) -> None:
        """Delete all entries."""
        with self._lock:
            self._entries.clear()

    def _end(self, timeout: float | None) -> float:
        end = self.get_backend_timeout(timeout)
        return math.inf if end is None else end

    def _put(self, name: str, entry: tuple[str, float]) -> None:
        self._entries.pop(name, None)  # a written entry becomes the newest
        while len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries[name] = entry


def _encoded(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _signer(name: str) -> Signer:
    return Signer(salt=f"{__name__}:{name}")


def _opened(name: str, text: str) -> Any:
    try:
        return json.loads(_signer(name).unsign(text))
    except BadSignature:
        _log.error("dropped an entry of the cache table that this site did not write, or wrote with another secret key")
        return _MISSING


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
