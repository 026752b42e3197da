"""A way to devices: one endpoint URL, with its time-outs, gaps and number of requests in flight."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from sealbus.plant import CONNECTION_BOUNDS, ConnectionPlan
from sealbus.web.accounts.models import Group
from sealbus.web.devices.models.archiving import LIVE, Archivable, ArchivableQuerySet, between

__all__ = ["Connection"]

_DEFAULTS = ConnectionPlan(id=0, url="")


class Connection(Archivable):
    """The settings are those of the collector's channel. `identity` names files that only the collector has."""

    name = models.CharField(max_length=100)
    text = models.CharField(max_length=500, blank=True)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="connections")
    url = models.CharField(max_length=500)
    identity = models.CharField(
        max_length=100,
        blank=True,
        validators=[RegexValidator(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\Z", "letters, digits and _ . - only")],
    )
    timeout_s = models.FloatField(default=_DEFAULTS.timeout_s)
    connect_timeout_s = models.FloatField(default=_DEFAULTS.connect_timeout_s)
    connect_delay_s = models.FloatField(default=_DEFAULTS.connect_delay_s)
    gap_s = models.FloatField(default=_DEFAULTS.gap_s)
    turnaround_s = models.FloatField(default=_DEFAULTS.turnaround_s)
    in_flight = models.PositiveSmallIntegerField(default=_DEFAULTS.in_flight)
    connections = models.PositiveSmallIntegerField(default=_DEFAULTS.connections)
    lenient_transaction_id = models.BooleanField(default=_DEFAULTS.lenient_transaction_id)
    lenient_unit_id = models.BooleanField(default=_DEFAULTS.lenient_unit_id)
    local_echo = models.BooleanField(default=_DEFAULTS.local_echo)

    objects = ArchivableQuerySet["Connection"].as_manager()

    class Meta:
        """The constraints of the database."""

        app_label = "devices"
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=["group", "name"], condition=LIVE, name="devices_connection_name"),
            between("devices_connection_timeout", "timeout_s", CONNECTION_BOUNDS["timeout_s"]),
            between("devices_connection_connect_timeout", "connect_timeout_s", CONNECTION_BOUNDS["connect_timeout_s"]),
            between("devices_connection_connect_delay", "connect_delay_s", CONNECTION_BOUNDS["connect_delay_s"]),
            between("devices_connection_gap", "gap_s", CONNECTION_BOUNDS["gap_s"]),
            between("devices_connection_turnaround", "turnaround_s", CONNECTION_BOUNDS["turnaround_s"]),
            between("devices_connection_in_flight", "in_flight", CONNECTION_BOUNDS["in_flight"]),
            between("devices_connection_connections", "connections", CONNECTION_BOUNDS["connections"]),
            models.CheckConstraint(
                condition=models.Q(lenient_transaction_id=False, lenient_unit_id=False) | models.Q(in_flight=1),
                name="devices_connection_lenient_alone",
            ),
        )

    def __str__(self) -> str:
        return self.name
