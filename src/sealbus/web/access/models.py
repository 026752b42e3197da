"""What processes tell each other by way of the database: version numbers, which say by one small look every half second
that rights or the plan have changed, and heartbeats, which say that a process is there.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import models, transaction
from django.db.models import F
from django.db.models.functions import Now

from sealbus.web.access.hints import tell

__all__ = ["Heartbeat", "Version"]


class Version(models.Model):
    """A named number that only grows: `rights`, `plan`, `order`."""

    name = models.CharField(max_length=32, primary_key=True)
    number = models.PositiveBigIntegerField(default=0)

    class Meta:
        app_label = "access"

    @classmethod
    def bump(cls, name: str) -> None:
        """Count up, within the transaction that makes the change; when it is done, whoever has a bus tells others."""
        if not cls.objects.filter(name=name).update(number=F("number") + 1):
            cls.objects.get_or_create(name=name, defaults={"number": 1})
        transaction.on_commit(lambda: tell(name))

    @classmethod
    def current(cls, name: str) -> int:
        """The number now; 0 where nothing was ever counted."""
        return cls.objects.filter(name=name).values_list("number", flat=True).first() or 0


class Heartbeat(models.Model):
    """A process that is alive said so, at a time of the database's clock, which all machines share."""

    name = models.CharField(max_length=32, primary_key=True)
    """`collector`."""
    at = models.DateTimeField()

    class Meta:
        app_label = "access"

    @classmethod
    def beat(cls, name: str) -> None:
        """Say so; every five seconds or so."""
        if not cls.objects.filter(name=name).update(at=Now()):
            cls.objects.get_or_create(name=name, defaults={"at": Now()})

    @classmethod
    def is_alive(cls, name: str, *, within_s: float = 20.0) -> bool:
        """Whether it was heard of lately."""
        return cls.objects.filter(name=name, at__gt=Now() - timedelta(seconds=within_s)).exists()
