"""A named, typed, scaled value at one place of a device, or one calculated from other tags."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from sealbus.plant import TAG_BOUNDS
from sealbus.web.devices.models.archiving import LIVE, Archivable, ArchivableQuerySet, between
from sealbus.web.devices.models.device import Device
from sealbus.web.devices.models.site import RetentionClass

__all__ = ["Tag"]

_ORDERS = [(order, order) for order in ("ABCD", "CDAB", "BADC", "DCBA")]


class Tag(Archivable):
    """A tag. It has a `place` or an `expression`, never both. Two tags may share a register."""

    group_path = "device__group"

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="tags")
    name = models.CharField(max_length=100)
    text = models.CharField(max_length=500, blank=True)
    unit = models.CharField(max_length=32, blank=True)
    """The engineering unit: "kW"."""
    decimals = models.PositiveSmallIntegerField(null=True, blank=True)
    enumeration = models.JSONField(default=dict, blank=True)
    """Labels of numbers: {"0": "off", "1": "on"}."""

    place = models.CharField(max_length=20, blank=True)
    type = models.CharField(max_length=16, blank=True)
    order = models.CharField(max_length=4, default="ABCD", choices=_ORDERS)
    length = models.PositiveSmallIntegerField(default=0)
    bit = models.PositiveSmallIntegerField(null=True, blank=True)
    bit_width = models.PositiveSmallIntegerField(null=True, blank=True)
    scale = models.FloatField(default=1.0)
    offset = models.FloatField(default=0.0)
    raw_low = models.FloatField(null=True, blank=True)
    raw_high = models.FloatField(null=True, blank=True)
    scaled_low = models.FloatField(null=True, blank=True)
    scaled_high = models.FloatField(null=True, blank=True)
    """`raw_low` means `scaled_low`, `raw_high` means `scaled_high`: all four or none."""
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    """The range that the value can have."""
    normal_low = models.FloatField(null=True, blank=True)
    normal_high = models.FloatField(null=True, blank=True)
    """The range in which nothing needs attention: pages show what left it."""
    is_key = models.BooleanField(default=False)
    """The overview shows it."""
    sentinels = models.JSONField(default=list, blank=True)
    sunspec = models.BooleanField(default=False)
    sunspec_type = models.CharField(max_length=16, blank=True)

    expression = models.CharField(max_length=1000, blank=True)
    inputs = models.JSONField(default=dict, blank=True)
    """The names in the expression and the ids of their tags. Ids stay valid: tags are never deleted."""

    interval_s = models.FloatField(null=True, default=1.0, blank=True)
    """Empty only for a calculated tag: whenever an input changes."""
    dead_band = models.FloatField(default=0.0)
    max_interval_s = models.FloatField(default=600.0)
    stale_after_s = models.FloatField(null=True, blank=True)
    retention = models.ForeignKey(RetentionClass, on_delete=models.PROTECT, related_name="tags")

    writable = models.BooleanField(default=False)
    write_min = models.FloatField(null=True, blank=True)
    write_max = models.FloatField(null=True, blank=True)
    write_step = models.FloatField(null=True, blank=True)
    needs_confirmation = models.BooleanField(default=True)
    needs_second_person = models.BooleanField(default=False)
    needs_reason = models.BooleanField(default=False)

    objects = ArchivableQuerySet["Tag"].as_manager()

    class Meta:
        app_label = "devices"
        ordering = ("device__name", "name", "id")
        constraints = (
            models.UniqueConstraint(fields=["device", "name"], condition=LIVE, name="devices_tag_name"),
            models.CheckConstraint(
                condition=(Q(place="") & ~Q(expression=""))
                | (~Q(place="") & Q(expression="", interval_s__isnull=False)),
                name="devices_tag_place_or_expression",
            ),
            models.CheckConstraint(
                condition=Q(writable=False) | Q(place__startswith="coils:") | Q(place__startswith="holding:"),
                name="devices_tag_writable_place",
            ),
            models.CheckConstraint(
                condition=Q(
                    raw_low__isnull=True, raw_high__isnull=True, scaled_low__isnull=True, scaled_high__isnull=True
                )
                | Q(raw_low__isnull=False, raw_high__isnull=False, scaled_low__isnull=False, scaled_high__isnull=False)
                & ~Q(raw_low=F("raw_high")),
                name="devices_tag_linear_whole",
            ),
            models.CheckConstraint(
                condition=Q(low__isnull=True) | Q(high__isnull=True) | Q(low__lte=F("high")), name="devices_tag_range"
            ),
            models.CheckConstraint(
                condition=Q(normal_low__isnull=True)
                | Q(normal_high__isnull=True)
                | Q(normal_low__lte=F("normal_high")),
                name="devices_tag_normal_range",
            ),
            models.CheckConstraint(
                condition=Q(write_min__isnull=True) | Q(write_max__isnull=True) | Q(write_min__lte=F("write_max")),
                name="devices_tag_write_range",
            ),
            models.CheckConstraint(
                condition=Q(write_step__isnull=True) | Q(write_step__gt=0), name="devices_tag_write_step"
            ),
            models.CheckConstraint(condition=Q(order__in=[order for order, _ in _ORDERS]), name="devices_tag_order"),
            models.CheckConstraint(condition=~Q(scale=0), name="devices_tag_scale"),
            models.CheckConstraint(condition=Q(dead_band__gte=0), name="devices_tag_dead_band"),
            between("devices_tag_length", "length", TAG_BOUNDS["length"]),
            between("devices_tag_bit", "bit", TAG_BOUNDS["bit"]),
            between("devices_tag_bit_width", "bit_width", TAG_BOUNDS["bit_width"]),
            between("devices_tag_interval", "interval_s", TAG_BOUNDS["interval_s"]),
            between("devices_tag_max_interval", "max_interval_s", TAG_BOUNDS["max_interval_s"]),
            between("devices_tag_stale", "stale_after_s", TAG_BOUNDS["stale_after_s"]),
            between("devices_tag_decimals", "decimals", TAG_BOUNDS["decimals"]),
        )

    def __str__(self) -> str:
        return self.name
