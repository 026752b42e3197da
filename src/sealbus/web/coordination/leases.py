"""Leases: what only one process at a time may be, by name. A site with several collectors has one lease for each.

The time is the database's clock, which all machines share. A holder renews its lease every few seconds. A lease that was
not renewed for `LOST_AFTER_S` is free: the next process that asks gets it.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from sealbus.web.coordination.models import Lease

__all__ = ["LOST_AFTER_S", "hold", "is_alive", "release"]

LOST_AFTER_S = 20.0


def hold(name: str, holder: str) -> str:
    """Take the lease or renew it; call it every five seconds or so. Returns "", or who holds it instead."""
    free = Q(holder=holder) | Q(renewed_at__lte=Now() - timedelta(seconds=LOST_AFTER_S))
    if Lease.objects.filter(free, name=name).update(holder=holder, renewed_at=Now()):
        return ""
    found, is_new = Lease.objects.get_or_create(name=name, defaults={"holder": holder, "renewed_at": Now()})
    return "" if is_new else found.holder or "another"


def release(name: str, holder: str) -> None:
    """Release the lease so that a waiting process can take it at once."""
    Lease.objects.filter(name=name, holder=holder).delete()


def is_alive(name: str, *, within_s: float = LOST_AFTER_S) -> bool:
    """Whether the lease is held, renewed within `within_s`."""
    return Lease.objects.filter(name=name, renewed_at__gt=Now() - timedelta(seconds=within_s)).exists()
