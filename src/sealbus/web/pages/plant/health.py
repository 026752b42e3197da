"""Is a device well? One sign for each device after NAMUR NE 107, and the reason in words. Pure.

F failure, C function check, S out of specification and M maintenance are signs of the device. Three more are not about the
device: `!` something is configured so that it cannot work, `…` values are old, `?` nothing is known. The worst is shown.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from sealbus.plant import ConnectionStatus
from sealbus.samples import US_PER_S, Quality, Reason
from sealbus.web.pages.values import REASONS

if TYPE_CHECKING:
    from sealbus.plant import ConnectionState
    from sealbus.samples import Sample
    from sealbus.web.devices.models import Device
    from sealbus.web.pages.plant.collecting import Collecting

__all__ = ["WORST_FIRST", "Health", "Sign", "Tally", "health_of", "quality_word"]

_MAX_FAILED = 0.01
_MIN_REQUESTS = 200
_CERTIFICATE_US = 30 * 86_400 * US_PER_S


class Sign(StrEnum):
    """The values are shown in the frame of the sign and are used in URLs by name."""

    FAILURE = "F"
    CONFIGURATION = "!"
    UNKNOWN = "?"
    STALE = "…"
    OUT_OF_SPECIFICATION = "S"
    CHECK = "C"
    MAINTENANCE = "M"
    WELL = ""

    @property
    def word(self) -> str:
        """The word beside the sign."""
        return str(_WORDS[self])

    @property
    def key(self) -> str:
        """Its name in a URL."""
        return self.name.lower()


WORST_FIRST = tuple(Sign)
_WORDS = {
    Sign.FAILURE: gettext_lazy("failure"),
    Sign.CONFIGURATION: gettext_lazy("configuration"),
    Sign.UNKNOWN: gettext_lazy("not known"),
    Sign.STALE: gettext_lazy("stale"),
    Sign.OUT_OF_SPECIFICATION: gettext_lazy("out of specification"),
    Sign.CHECK: gettext_lazy("function check"),
    Sign.MAINTENANCE: gettext_lazy("maintenance"),
    Sign.WELL: gettext_lazy("well"),
}
_OF_REASON = {
    Reason.UNREACHABLE: Sign.FAILURE,
    Reason.TIMEOUT: Sign.FAILURE,
    Reason.DEVICE_EXCEPTION: Sign.FAILURE,
    Reason.WRONG_ANSWER: Sign.FAILURE,
    Reason.NO_SUCH_PLACE: Sign.CONFIGURATION,
    Reason.NOT_ALLOWED: Sign.CONFIGURATION,
    Reason.NOT_DECODABLE: Sign.CONFIGURATION,
    Reason.NOT_COMPUTABLE: Sign.CONFIGURATION,
    Reason.NOT_COLLECTED: Sign.CONFIGURATION,
    Reason.NOT_AVAILABLE: Sign.OUT_OF_SPECIFICATION,
    Reason.OUT_OF_RANGE: Sign.OUT_OF_SPECIFICATION,
    Reason.NOT_REFRESHED: Sign.STALE,
}


@dataclass(frozen=True, slots=True)
class Health:
    """A sign and its reason."""

    sign: Sign
    why: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing is to be said."""
        return self.sign is Sign.WELL


@dataclass(slots=True)
class Tally:
    """The values of the enabled tags of one device, counted."""

    tags: int = 0
    """All that are not archived, disabled ones too."""
    enabled: int = 0
    missing: int = 0
    worst: Quality = Quality.GOOD
    reasons: Counter[Reason] = field(default_factory=Counter)

    def add(self, sample: Sample | None, *, is_enabled: bool) -> None:
        """Count one tag."""
        self.tags += 1
        if not is_enabled:
            return
        self.enabled += 1
        if sample is None:
            self.missing += 1
            return
        if sample.quality is not Quality.GOOD:
            self.reasons[sample.reason] += 1
            self.worst = max(self.worst, sample.quality, key=_RANK.index)

    @property
    def not_good(self) -> int:
        """How many values are not good."""
        return self.missing + self.reasons.total()


_RANK = (Quality.GOOD, Quality.UNCERTAIN, Quality.STALE, Quality.BAD)


def quality_word(quality: Quality) -> str:
    """The word of a quality."""
    return (_("good"), _("uncertain"), _("bad"), _("stale"))[quality]


def health_of(device: Device, tally: Tally, collected: Collecting, *, sees_connection: bool) -> Health:
    """The worst that is known of a device. The reason of a connection is told to those who may see it."""
    whole = _of_whole(device, collected, sees_connection=sees_connection)
    if whole is not None:
        return whole
    return max((_of_values(tally), _of_upkeep(device, collected)), key=lambda health: -WORST_FIRST.index(health.sign))


def _of_whole(device: Device, collected: Collecting, *, sees_connection: bool) -> Health | None:
    """What concerns all its values."""
    if not device.enabled:
        return Health(Sign.CHECK, _("the device is switched off: it is not polled"))
    if device.connection is not None and not device.connection.enabled:
        return Health(Sign.CHECK, _("its connection is switched off: it is not polled"))
    if not collected.answers:
        return Health(Sign.UNKNOWN, _("the collector does not answer"))
    if problem := collected.problems.get(("device", device.pk)):
        return Health(Sign.CONFIGURATION, problem)
    state = collected.connection_of(device)
    if state is None:
        if device.connection_id is None:
            return None
        why = collected.problems.get(("connection", device.connection_id), "") if sees_connection else ""
        return Health(Sign.CONFIGURATION, why or _("the collector does not use its connection, or not yet"))
    return _of_connection(device, state, sees_connection=sees_connection)


def _of_connection(device: Device, state: ConnectionState, *, sees_connection: bool) -> Health | None:
    why = state.why if sees_connection else ""
    if state.status is ConnectionStatus.REFUSED:
        return Health(Sign.CONFIGURATION, why or _("its connection is not allowed as it is configured"))
    if state.status is ConnectionStatus.DOWN:
        text = _("no connection: {why}").format(why=why) if why else str(REASONS[Reason.UNREACHABLE])
        return Health(Sign.FAILURE, text)
    if device.unit_id in state.silent_units:
        return Health(Sign.FAILURE, _("unit {unit} does not answer").format(unit=device.unit_id))
    return None


def _of_values(tally: Tally) -> Health:
    """The worst sign of its values, and how many have it by what reason."""
    if not tally.reasons:
        if tally.missing:
            return Health(Sign.UNKNOWN, _some_of(tally.missing, tally, _("no value yet")))
        return Health(Sign.WELL)
    sign = min((_OF_REASON.get(reason, Sign.UNKNOWN) for reason in tally.reasons), key=WORST_FIRST.index)
    reason = max(
        (each for each in tally.reasons if _OF_REASON.get(each, Sign.UNKNOWN) is sign), key=tally.reasons.__getitem__
    )
    return Health(sign, _some_of(tally.reasons[reason], tally, str(REASONS[reason])))


def _some_of(count: int, tally: Tally, why: str) -> str:
    if count == tally.enabled:
        return ngettext("its value: {why}", "all values: {why}", count).format(why=why)
    return _("{count} of {all} values: {why}").format(count=count, all=tally.enabled, why=why)


def _of_upkeep(device: Device, collected: Collecting) -> Health:
    """What works, and will not for long."""
    state = collected.connection_of(device)
    ends_us = None if state is None else state.certificate_not_after_us
    if ends_us is not None and (left_us := ends_us - time.time() * US_PER_S) < _CERTIFICATE_US:
        days = max(0, int(left_us // (86_400 * US_PER_S)))
        return Health(Sign.MAINTENANCE, _("the certificate of its connection ends in {days} days").format(days=days))
    polls = collected.polls.get(device.pk, ())
    requests, failures = sum(each.requests for each in polls), sum(each.failures for each in polls)
    if requests >= _MIN_REQUESTS and failures / requests > _MAX_FAILED:
        share = f"{100 * failures / requests:.1f}"
        return Health(Sign.MAINTENANCE, _("{share} % of its requests failed").format(share=share))
    return Health(Sign.WELL)
