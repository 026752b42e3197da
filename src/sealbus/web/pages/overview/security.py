"""The security line: denials of today, people who are signed in, certificates that end soon, the end of the audit's chain.

Each line is for those who may see where it comes from.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from allauth.usersessions.models import UserSession
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from sealbus.samples import US_PER_S
from sealbus.web.access.actions import Action
from sealbus.web.audit.chain_state import head_problem
from sealbus.web.audit.models import Entry
from sealbus.web.devices.models import Connection

if TYPE_CHECKING:
    from sealbus.plant import CollectorState
    from sealbus.web.access.subject import Subject

__all__ = ["SecurityLine", "security_lines"]

_DENIED = Q(action="access.refused") | Q(action="gateway.denied")
_ENDS_SOON_S = 30 * 86_400
_USUAL_DAYS = 7
_ACTIVE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SecurityLine:
    """A name and its value, and what it means."""

    name: str
    value: str
    note: str = ""
    is_abnormal: bool = False


def security_lines(subject: Subject, collector: CollectorState | None) -> list[SecurityLine]:
    """What this caller may know."""
    lines = []
    if subject.rights.allows(Action.AUDIT, None):
        lines += [_denied(subject), _chain()]
    if subject.rights.allows(Action.ADMINISTER, None):
        lines.append(_signed_in())
    if subject.rights.allows_anywhere(Action.VIEW) and collector is not None:
        lines.append(_certificates(subject, collector))
    return lines


def _denied(subject: Subject) -> SecurityLine:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = Entry.objects.visible_to(subject).filter(_DENIED, time__gte=midnight - timedelta(days=_USUAL_DAYS))
    counts = rows.order_by().aggregate(
        today=Count("pk", filter=Q(time__gte=midnight)), before=Count("pk", filter=Q(time__lt=midnight))
    )
    today, usual = counts["today"], counts["before"] / _USUAL_DAYS
    return SecurityLine(
        _("Denied today"), str(today), _("usually %(usual)d a day") % {"usual": round(usual)}, today > 2 * usual + 20
    )


def _chain() -> SecurityLine:
    problem = head_problem()
    return SecurityLine(_("End of the audit"), _("broken") if problem else _("whole"), problem, bool(problem))


def _signed_in() -> SecurityLine:
    people = UserSession.objects.filter(last_seen_at__gte=timezone.now() - _ACTIVE).values("user").distinct().count()
    return SecurityLine(_("Signed in"), str(people), _("active in the last 15 minutes"))


def _certificates(subject: Subject, collector: CollectorState) -> SecurityLine:
    until_us = (time.time() + _ENDS_SOON_S) * US_PER_S
    ends_us = {each.id: each.certificate_not_after_us for each in collector.connections}
    ending = {pk for pk, end_us in ends_us.items() if end_us is not None and end_us < until_us}
    rows = Connection.objects.visible_to(subject).filter(pk__in=ending).order_by("name")
    names = list(rows.values_list("name", flat=True)) if ending else []
    return SecurityLine(_("Certificates under 30 days"), str(len(names)), ", ".join(names[:3]), bool(names))
