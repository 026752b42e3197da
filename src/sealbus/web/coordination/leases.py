"""Leases: what only one process at a time may be, by name. A site with several collectors has one lease for each.

The time is the database's clock, which all machines share. A holder renews its lease every few seconds. A lease that was
not renewed for `LOST_AFTER_S` is free: the next process that asks gets it. A renewal in the future (that clock was set
back, or somebody wrote it) is moved to now by a process that waits, so it delays the end of a lease by this time and not
by more.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from sealbus.web.coordination.models import Lease

__all__ = ["LOST_AFTER_S", "acquire_or_renew", "is_alive", "release", "release_all"]

LOST_AFTER_S = 20.0
_CORRECTION = timedelta(seconds=2)  # a renewal that commits after our statement began is ahead of it


def acquire_or_renew(name: str, holder: str) -> str:
    """Take the lease or renew it; call it every five seconds or so. Returns "", or who holds it instead."""
    free = Q(holder=holder) | Q(renewed_at__lte=Now() - timedelta(seconds=LOST_AFTER_S))
    if Lease.objects.filter(free, name=name).update(holder=holder, renewed_at=Now()):
        return ""
    Lease.objects.filter(name=name, renewed_at__gt=Now() + _CORRECTION).update(renewed_at=Now())
    found, is_new = Lease.objects.get_or_create(name=name, defaults={"holder": holder, "renewed_at": Now()})
    return "" if is_new else found.holder or "another"


def release(name: str, holder: str) -> None:
    """Release the lease so that a waiting process can take it at once."""
    Lease.objects.filter(name=name, holder=holder).delete()


def release_all(prefix: str) -> None:
    """Release the leases whose names begin so, whoever held them. Only for a caller that knows that all have ended."""
    Lease.objects.filter(name__startswith=prefix).delete()


def is_alive(name: str, *, within_s: float = LOST_AFTER_S) -> bool:
    """Whether the lease is held, renewed within `within_s`. A renewal in the future proves nothing."""
    earliest, latest = Now() - timedelta(seconds=within_s), Now() + _CORRECTION
    return Lease.objects.filter(name=name, renewed_at__gt=earliest, renewed_at__lte=latest).exists()
