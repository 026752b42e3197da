"""The filter of the list: from the query of the URL, and back into links that change one part of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sealbus.web.audit.queries import EntryFilter
from sealbus.web.audit.serializers import FilterQuery
from sealbus.web.pages.checking import checked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.http import QueryDict

    from sealbus.web.access.subject import Subject
    from sealbus.web.pages.forms import Form

__all__ = ["NAMES", "RANGES", "Asked", "asked"]

RANGES = {
    "1h": (_("1 h"), timedelta(hours=1)),
    "24h": (_("24 h"), timedelta(hours=24)),
    "7d": (_("7 d"), timedelta(days=7)),
    "30d": (_("30 d"), timedelta(days=30)),
    "all": (_("All"), None),
}
_STANDARD = "7d"
NAMES = {
    "text": _("text"),
    "actor": _("who"),
    "action": _("what"),
    "target_kind": _("kind of object"),
    "target_id": _("object"),
    "group": _("group"),
    "result": _("result"),
    "actor_kind": _("source"),
}
"""The filters besides the time, with what a reader calls them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the URL asks for."""

    wanted: EntryFilter
    given: Mapping[str, str]
    """The filters as they are in the URL, the empty ones left out, without the place in the list."""
    range: str
    """A key of `RANGES`; empty where `since` or `until` is given."""

    @property
    def active(self) -> list[str]:
        """The names of the filters that are set, besides the time."""
        return [name for name in NAMES if self.given.get(name)]

    def query(self, **changes: Any) -> str:
        """The query of the URL with these parts changed; None or "" removes one."""
        members = {**self.given, **changes}
        if "since" in changes or "until" in changes:
            members.pop("range", None)
        if "range" in changes:
            members.pop("since", None)
            members.pop("until", None)
        return "?" + urlencode({name: value for name, value in members.items() if value not in (None, "")})

    def without(self, name: str) -> EntryFilter:
        """The filter without one of its parts; `range` is the time."""
        if name == "range":
            return replace(self.wanted, since=None, until=None)
        empty: Any = None if name == "group" else ""
        return replace(self.wanted, **{name: empty})


def asked(query: QueryDict, subject: Subject, form: Form) -> Asked:
    """What the URL asks for. What cannot be used is a problem of the form, and then filters nothing."""
    known = [*NAMES, "since", "until"]
    given = {name: value for name in known if (value := query.get(name, "").strip())}
    members: dict[str, Any] = {}
    for name, value in given.items():
        with form.attempt():
            members |= checked(FilterQuery, {name: value}, subject)
    given = {name: value for name, value in given.items() if name in members}
    chosen = "" if "since" in members or "until" in members else query.get("range", _STANDARD)
    if chosen and chosen not in RANGES:
        form.problems["range"], form.status = [f"write one of: {', '.join(RANGES)}"], 422
        chosen = _STANDARD
    if chosen and chosen != _STANDARD:
        given["range"] = chosen
    length = RANGES[chosen][1] if chosen else None
    if length is not None:
        members["since"] = _whole_minute(timezone.now() - length)
    return Asked(EntryFilter(**members), given, chosen)


def _whole_minute(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)
