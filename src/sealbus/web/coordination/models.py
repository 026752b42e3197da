"""The rows by which processes coordinate: `Version` (see `versions`) and `Lease` (see `leases`)."""

from __future__ import annotations

from django.db import models

__all__ = ["Lease", "Version"]


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
