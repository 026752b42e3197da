"""A way to devices: one endpoint URL, and how gently it wants to be treated."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from sealbus.web.accounts.models import Group
from sealbus.web.devices.models.archiving import LIVE, Archivable, ArchivableQuerySet, between

__all__ = ["Connection"]


class Connection(Archivable):
    """The rules are those of the collector's channel. `identity` names files that only the collector has."""

    name = models.CharField(max_length=100)
    text = models.CharField(max_length=500, blank=True)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="connections")
    url = models.CharField(max_length=500)
    identity = models.CharField(
        max_length=100,
        blank=True,
        validators=[RegexValidator(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\Z", "letters, digits and _ . - only")],
    )
    timeout_s = models.FloatField(default=1.0)
    connect_timeout_s = models.FloatField(default=5.0)
    connect_delay_s = models.FloatField(default=0.0)
    gap_s = models.FloatField(default=0.0)
    turnaround_s = models.FloatField(default=0.1)
    in_flight = models.PositiveSmallIntegerField(default=1)
    connections = models.PositiveSmallIntegerField(default=1)
    lenient_transaction_id = models.BooleanField(default=False)

    objects = ArchivableQuerySet["Connection"].as_manager()

    class Meta:
        """What the database enforces."""

        app_label = "devices"
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=["group", "name"], condition=LIVE, name="devices_connection_name"),
            between("devices_connection_timeout", "timeout_s", 0.01, 60),
            between("devices_connection_connect_timeout", "connect_timeout_s", 0.1, 60),
            between("devices_connection_connect_delay", "connect_delay_s", 0, 60),
            between("devices_connection_gap", "gap_s", 0, 60),
            between("devices_connection_turnaround", "turnaround_s", 0, 60),
            between("devices_connection_in_flight", "in_flight", 1, 64),
            between("devices_connection_connections", "connections", 1, 16),
            models.CheckConstraint(
                condition=models.Q(lenient_transaction_id=False) | models.Q(in_flight=1),
                name="devices_connection_lenient_alone",
            ),
        )

    def __str__(self) -> str:
        return self.name
