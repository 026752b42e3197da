"""The settings of the administrator: how long history is kept, and where devices may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from django.db import models
from django.db.models import F, Q

from sealbus.plant import RETENTION_BOUNDS
from sealbus.web.access.actions import Action
from sealbus.web.devices.models.archiving import between

if TYPE_CHECKING:
    from typing import Self

    from sealbus.web.access.subject import Subject

__all__ = ["AllowedNetwork", "RetentionClass", "RetentionQuerySet", "RuleQuerySet", "SerialPattern"]

_Rule = TypeVar("_Rule", bound=models.Model, covariant=True)


class RetentionQuerySet(models.QuerySet["RetentionClass"]):
    """Retention classes."""

    def visible_to(self, subject: Subject) -> RetentionQuerySet:
        """All of them, if the subject may view anything, or administers the site."""
        rights = subject.rights
        can_use = rights.allows_anywhere(Action.VIEW) or rights.allows(Action.ADMINISTER, None)
        return self if can_use else self.none()


class RuleQuerySet(models.QuerySet[_Rule]):
    """Allowed networks and serial ports."""

    def visible_to(self, subject: Subject) -> Self:
        """All of them to an administrator; none to others."""
        return self if subject.rights.allows(Action.ADMINISTER, None) else self.none()


class RetentionClass(models.Model):
    """How long raw samples and each rollup of a tag are kept; `day_days` empty is for ever. `hold_s`: how long a value
    holds when no other sample comes, more than the `max_interval_s` of any tag of the class.
    """

    name = models.CharField(max_length=100, unique=True)
    raw_days = models.PositiveIntegerField(default=90)
    minute_days = models.PositiveIntegerField(default=400)
    hour_days = models.PositiveIntegerField(default=3650)
    day_days = models.PositiveIntegerField(null=True, blank=True)
    hold_s = models.FloatField(default=3600.0)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = RetentionQuerySet.as_manager()

    class Meta:
        app_label = "devices"
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=Q(raw_days__gte=1, minute_days__gte=F("raw_days"), hour_days__gte=F("minute_days")),
                name="devices_retention_order",
            ),
            models.CheckConstraint(
                condition=Q(day_days__isnull=True) | Q(day_days__gte=F("hour_days")), name="devices_retention_days"
            ),
            between("devices_retention_hold", "hold_s", RETENTION_BOUNDS["hold_s"]),
        )

    def __str__(self) -> str:
        return self.name


class AllowedNetwork(models.Model):
    """Addresses and ports where devices may be, as `endpoints.NetworkRules` reads them."""

    network = models.CharField(max_length=253)
    """"10.0.0.0/8", "10.0.0.5", "fd00::/8"; or a name, for a target behind an SSH server."""
    ports = models.CharField(max_length=200, default="502,802")
    """"502,802,1024-1100", or "*"."""
    text = models.CharField(max_length=500, blank=True)

    objects = RuleQuerySet["AllowedNetwork"].as_manager()

    class Meta:
        app_label = "devices"
        ordering = ("network", "id")
        constraints = (models.UniqueConstraint(fields=["network"], name="devices_network_once"),)

    def __str__(self) -> str:
        return f"{self.network} {self.ports}"


class SerialPattern(models.Model):
    """Serial devices that may be opened: "/dev/ttyUSB*"."""

    pattern = models.CharField(max_length=200, unique=True)
    text = models.CharField(max_length=500, blank=True)

    objects = RuleQuerySet["SerialPattern"].as_manager()

    class Meta:
        app_label = "devices"
        ordering = ("pattern",)
        constraints = (models.CheckConstraint(condition=Q(pattern__startswith="/"), name="devices_serial_whole_path"),)

    def __str__(self) -> str:
        return self.pattern
