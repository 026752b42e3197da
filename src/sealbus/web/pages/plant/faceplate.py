"""The faceplate: one for every value, in a dialog or as a page of its own. One request, at most eight statements."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.history import HistoryUnavailable
from sealbus.plant import stale_after_s
from sealbus.samples import US_PER_S, Quality
from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import Assignment, Grant
from sealbus.web.devices.models import Command, Tag
from sealbus.web.errors import NotFound
from sealbus.web.pages.drawings import scale_of, sparkline
from sealbus.web.pages.plant.commands import last_commands
from sealbus.web.pages.plant.devices import PlantPage
from sealbus.web.pages.plant.queries import with_values
from sealbus.web.pages.values import REASONS, age_text, number_text, value_text
from sealbus.web.trends.store import history

if TYPE_CHECKING:
    from django.http import HttpRequest

    from sealbus.samples import Sample
    from sealbus.web.access.subject import Subject
    from sealbus.web.devices.models import Device

__all__ = ["TagPage", "audit_url"]

_WIDTH = 360
_HOUR_US = 3600 * US_PER_S
_WORDS = {
    Quality.GOOD: gettext_lazy("good"),
    Quality.UNCERTAIN: gettext_lazy("uncertain"),
    Quality.BAD: gettext_lazy("bad"),
    Quality.STALE: gettext_lazy("stale"),
}


class TagPage(PlantPage):
    """The faceplate of one value."""

    template = "pages/tag.html"
    fragment = "pages/faceplate.html"
    title = gettext_lazy("Tag")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        found = Tag.objects.visible_to(self.subject).filter(pk=of_url["pk"])
        tag = found.select_related("device__group", "device__connection", "retention").first()
        if tag is None:
            raise NotFound
        sample, scale = with_values([tag])[0].sample, scale_of(tag)
        group = tag.device.group_id
        commands = Command.objects.visible_to(self.subject).filter(device=tag.device)
        return {
            "title": tag.name,
            "tag": tag,
            "sample": sample,
            "said": _said(sample),
            "has_bar": scale is not None,
            "low": number_text(scale.normal[0], None) if scale is not None and scale.normal else None,
            "high": number_text(scale.normal[1], None) if scale is not None and scale.normal else None,
            "hour": _last_hour(tag),
            "stale_after": stale_after_s(tag.stale_after_s, tag.interval_s),
            "rights": _rights(self.subject, tag.device),
            "commands": last_commands(commands)[:5],
            "may_configure": self.subject.rights.allows(Action.CONFIGURE, group),
            "may_read": not tag.expression
            and tag.device.connection is not None
            and tag.archived_at is None
            and self.subject.rights.allows(Action.WRITE, group),
            "audit_url": audit_url(self.subject, "tag", tag.pk),
        }


def audit_url(subject: Subject, kind: str, pk: int) -> str:
    """The audit of one row; empty for those who may not read it."""
    if not subject.rights.allows(Action.AUDIT, None):
        return ""
    try:
        return f"{reverse('audit')}?target_kind={kind}&target_id={pk}"
    except NoReverseMatch:
        return ""


def _said(sample: Sample | None) -> dict[str, Any]:
    """Quality, reason and age in words."""
    if sample is None:
        return {"quality": _("not known"), "reason": _("the collector has not read it yet"), "age": ""}
    age = age_text(max(0.0, time.time() - sample.time_us / US_PER_S))
    text = _("last read {age} ago") if sample.quality is Quality.STALE else _("{age} old")
    return {"quality": _WORDS[sample.quality], "reason": REASONS[sample.reason], "age": text.format(age=age)}


def _last_hour(tag: Tag) -> dict[str, Any]:
    """The line of the last hour, and its smallest and largest value."""
    if tag.type == "string":
        return {"problem": _("A text has no line.")}
    end_us = time.time_ns() // 1000
    try:
        (series,) = history().query([tag.pk], end_us - _HOUR_US, end_us, width=_WIDTH)
    except HistoryUnavailable:
        return {"problem": _("The history does not answer.")}
    known = zip(series.values.tolist(), series.qualities.tolist(), strict=True)
    numbers = [value for value, quality in known if quality != Quality.BAD and math.isfinite(value)]
    if not numbers:
        return {"problem": _("Nothing was collected in the last hour.")}
    return {
        "line": sparkline(series, end_us - _HOUR_US, end_us, scale.normal if (scale := scale_of(tag)) else None),
        "minimum": _value(min(numbers), tag),
        "maximum": _value(max(numbers), tag),
        "begins": datetime.fromtimestamp((end_us - _HOUR_US) / US_PER_S, UTC),
    }


def _value(value: float, tag: Tag) -> str:
    is_truth = tag.type == "bit" or (tag.bit is not None and tag.bit_width is None)
    return value_text(bool(value) if is_truth else value, tag.decimals, tag.enumeration)


def _rights(subject: Subject, device: Device) -> list[tuple[object, list[str]]]:
    """Who may see and who may write: people for those who administer, else the roles. One statement."""
    words = {Action.VIEW.value: _("May see"), Action.WRITE.value: _("May write")}
    found: defaultdict[str, set[str]] = defaultdict(set)
    if subject.rights.allows(Action.ADMINISTER, None):
        held = Assignment.objects.filter(
            Q(group=None) | Q(group=device.group_id), role__grants__action__in=words, user__is_active=True
        )
        for action, name in held.values_list("role__grants__action", "user__username"):
            found[action].add(name)
    else:
        for action, name in Grant.objects.filter(action__in=words).values_list("action", "role__name"):
            found[action].add(name)
    return [(word, sorted(found[action])) for action, word in words.items()]
