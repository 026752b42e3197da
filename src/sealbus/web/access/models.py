"""Version numbers: how processes notice, by one small look every half second, that rights or the plan have changed."""

from __future__ import annotations

from django.db import models
from django.db.models import F

__all__ = ["Version"]


class Version(models.Model):
    """A named number that only grows: `rights`, `plan`, `order`."""

    name = models.CharField(max_length=32, primary_key=True)
    number = models.PositiveBigIntegerField(default=0)

    class Meta:
        app_label = "access"

    @classmethod
    def bump(cls, name: str) -> None:
        """Count up, within the transaction that makes the change."""
        if not cls.objects.filter(name=name).update(number=F("number") + 1):
            cls.objects.get_or_create(name=name, defaults={"number": 1})

    @classmethod
    def current(cls, name: str) -> int:
        """The number now; 0 where nothing was ever counted."""
        return cls.objects.filter(name=name).values_list("number", flat=True).first() or 0
