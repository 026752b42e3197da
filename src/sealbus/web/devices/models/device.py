"""One unit id of a connection, its limits, and the template that it was made from."""

from __future__ import annotations

from django.db import models

from sealbus.plant import DEVICE_BOUNDS
from sealbus.web.accounts.models import Group
from sealbus.web.devices.models.archiving import LIVE, Archivable, ArchivableQuerySet, between
from sealbus.web.devices.models.connection import Connection

__all__ = ["Device"]


class Device(Archivable):
    """A device. Without a connection it only has calculated tags."""

    name = models.CharField(max_length=100)
    text = models.CharField(max_length=500, blank=True)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="devices")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, null=True, blank=True, related_name="devices")
    unit_id = models.PositiveSmallIntegerField(default=1)
    max_registers = models.PositiveSmallIntegerField(default=125)
    max_bits = models.PositiveSmallIntegerField(default=2000)
    gap_registers = models.PositiveSmallIntegerField(default=8)
    gap_bits = models.PositiveSmallIntegerField(default=128)
    forbidden = models.JSONField(default=list, blank=True)
    """Places that are never read: ["holding:100-119"]."""
    template_name = models.CharField(max_length=100, blank=True, editable=False)
    template_version = models.PositiveIntegerField(null=True, blank=True, editable=False)

    objects = ArchivableQuerySet["Device"].as_manager()

    class Meta:
        """The constraints of the database."""

        app_label = "devices"
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=["group", "name"], condition=LIVE, name="devices_device_name"),
            between("devices_device_unit", "unit_id", DEVICE_BOUNDS["unit_id"]),
            between("devices_device_max_registers", "max_registers", DEVICE_BOUNDS["max_registers"]),
            between("devices_device_max_bits", "max_bits", DEVICE_BOUNDS["max_bits"]),
            between("devices_device_gap_registers", "gap_registers", DEVICE_BOUNDS["gap_registers"]),
            between("devices_device_gap_bits", "gap_bits", DEVICE_BOUNDS["gap_bits"]),
        )

    def __str__(self) -> str:
        return self.name
