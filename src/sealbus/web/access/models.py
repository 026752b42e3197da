"""What processes tell each other by way of the database: version numbers, which say by one small look every half second
that rights or the plan have changed, and heartbeats, which say who is there, one at a time.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from sealbus.web.access.hints import tell

__all__ = ["LOST_AFTER_S", "Heartbeat", "Version"]

LOST_AFTER_S = 20.0
"""Who has said nothing for so long is not there any more."""


class Version(models.Model):
    """A named number that only grows: `rights`, `plan`, `command`."""

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
    """What one process at a time may be, and when it last said that it is there, by the database's clock, which all
    machines share. Whoever holds it keeps it by saying so; when it is silent for too long, whoever asks next has it.
    """

    name = models.CharField(max_length=32, primary_key=True)
    """`collector/main`: the collector with the id main."""
    holder = models.CharField(max_length=100, default="")
    at = models.DateTimeField()

    class Meta:
        app_label = "access"

    @classmethod
    def hold(cls, name: str, holder: str) -> str:
        """Be it, and say so; every five seconds or so. Who is it instead, or empty: it is `holder`."""
        free = Q(holder=holder) | Q(at__lte=Now() - timedelta(seconds=LOST_AFTER_S))
        if cls.objects.filter(free, name=name).update(holder=holder, at=Now()):
            return ""
        found, is_new = cls.objects.get_or_create(name=name, defaults={"holder": holder, "at": Now()})
        return "" if is_new else found.holder or "another"

    @classmethod
    def release(cls, name: str, holder: str) -> None:
        """Be it no more: the next one need not wait."""
        cls.objects.filter(name=name, holder=holder).delete()

    @classmethod
    def is_alive(cls, name: str, *, within_s: float = LOST_AFTER_S) -> bool:
        """Whether it was heard of lately."""
        return cls.objects.filter(name=name, at__gt=Now() - timedelta(seconds=within_s)).exists()
