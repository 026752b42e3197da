"""The rows by which processes coordinate: `Version`, `Lease` and `CacheEntry` (see `versions`, `leases`, `caches`)."""

from __future__ import annotations

from django.db import models

__all__ = ["CacheEntry", "Lease", "Version"]


class Version(models.Model):
    """A named number that only grows: `rights`, `plan`, `command`."""

    name = models.CharField(max_length=32, primary_key=True)
    number = models.PositiveBigIntegerField(default=0)

    class Meta:
        app_label = "coordination"


class Lease(models.Model):
    """What one process at a time may be, which process it is, and when that process renewed it."""

    name = models.CharField(max_length=100, primary_key=True)
    """`collector`."""
    holder = models.CharField(max_length=100)
    renewed_at = models.DateTimeField()

    class Meta:
        app_label = "coordination"


class CacheEntry(models.Model):
    """A value of the cache that all processes share."""

    key = models.CharField(max_length=64, primary_key=True)
    """The SHA-256 of the key, in hexadecimal."""
    value = models.TextField()
    """JSON and its MAC."""
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        app_label = "coordination"
        db_table = "web_cache"
