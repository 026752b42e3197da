"""The list of entries, one entry, the state of the chain, the export. Only with the right `audit` in all groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db.models import Exists
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import may
from sealbus.web.accounts.models import Group
from sealbus.web.audit.chain_state import head_problem
from sealbus.web.audit.checkpoints import last_noted, noted_heads
from sealbus.web.audit.export import as_csv, as_json_lines
from sealbus.web.audit.models import ChainHead, Entry
from sealbus.web.audit.queries import page_of, select
from sealbus.web.audit.services import begin_export
from sealbus.web.audit.verification import verify_chain
from sealbus.web.errors import NotFound
from sealbus.web.http.streams import streamed
from sealbus.web.pages.audit.asking import NAMES, RANGES, Asked, asked
from sealbus.web.pages.audit.chains import command_chain, object_chain
from sealbus.web.pages.audit.counting import COUNTED, Counts, counts
from sealbus.web.pages.audit.differences import difference_of, rest_of
from sealbus.web.pages.audit.wording import FAMILIES, KINDS, OBJECTS, RESULTS
from sealbus.web.pages.forms import Form
from sealbus.web.pages.shell.page import Page, is_fragment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from sealbus.web.access.requirement import Requirement
    from sealbus.web.access.subject import Subject

__all__ = ["AuditPage", "ChainPage", "EntryPage", "ExportPage", "NewerPage"]

_PAGE = 100
_NEWEST = 200
_MAX_SEQUENCE = 2**63 - 1
_WORDS: Mapping[str, Mapping[str, object]] = {
    "actor_kind": KINDS,
    "target_kind": OBJECTS,
    "result": RESULTS,
}


class _AuditPage(Page):
    access: ClassVar[Mapping[str, Requirement]] = {"GET": may(Action.AUDIT)}
    place = "audit"
    title = _("Audit")


class AuditPage(_AuditPage):
    """The entries, newest first, with what they can be narrowed by. As a fragment: the next rows."""

    template = "pages/audit/list.html"
    fragment = "pages/audit/rows.html"

    def get(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        """422 where a filter cannot be used: it is ignored, and the page says so."""
        form = Form(values=request.GET)
        wanted = asked(request.GET, self.subject, form)
        before = _number(request, "before")
        entries = page_of(self.subject, wanted.wanted, before=before, limit=_PAGE + 1)
        content: dict[str, Any] = {
            "entries": entries[:_PAGE],
            "older": wanted.query(before=entries[_PAGE - 1].sequence) if len(entries) > _PAGE else "",
            "asked": wanted,
        }
        if not is_fragment(request):
            counted = counts(self.subject, wanted) if entries else Counts({}, None, 0, is_cut=False)
            content |= self._frame(form, wanted, before, counted) | self._tail(wanted, entries, before)
            content["narrow"] = [] if entries else _too_narrow(self.subject, wanted)
        return self.show(request, content, status=form.status)

    def _frame(self, form: Form, wanted: Asked, before: int | None, counted: Counts) -> dict[str, Any]:
        groups = dict(Group.objects.visible_to(self.subject).order_by("name").values_list("pk", "name"))
        return {
            "form": form,
            "before": before,
            "ranges": [(key, text, wanted.query(range=key)) for key, (text, _length) in RANGES.items()],
            "counted": counted,
            "most": COUNTED,
            "facets": _facets(wanted, counted.facets),
            "groups": groups.items(),
            "group": wanted.wanted.group,
            "chips": _chips(wanted, groups),
            "exports": [("CSV", wanted.query(file="csv")), ("JSON", wanted.query(file="jsonl"))],
            "since": wanted.given.get("since", ""),
            "until": wanted.given.get("until", ""),
        }

    def _tail(self, wanted: Asked, entries: list[Entry], before: int | None) -> dict[str, Any]:
        """Only the beginning of the list grows."""
        if before is not None or wanted.wanted.until is not None or not entries:
            return {}
        return {"tail": wanted.query(after=entries[0].sequence)}


class NewerPage(_AuditPage):
    """What was added since the list was drawn: rows for its top, or 204. Asked every two seconds while it is in view."""

    template = "pages/audit/newer.html"

    def get(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        """One statement, by the number of the newest row that is shown."""
        wanted = asked(request.GET, self.subject, Form())
        after = _number(request, "after") or 0
        rows = select(self.subject, wanted.wanted).filter(sequence__gt=after).order_by("-sequence")
        entries = list(rows[:_NEWEST])
        if not entries:
            return HttpResponse(status=204)
        content = {"entries": entries, "asked": wanted, "tail": wanted.query(after=entries[0].sequence)}
        return render(request, self.template, content)


class EntryPage(_AuditPage):
    """One entry: what changed, and what belongs to it."""

    template = "pages/audit/entry.html"
    fragment = "pages/audit/entry_part.html"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        """Four statements."""
        rows = Entry.objects.visible_to(self.subject)
        entry = rows.filter(pk=of_url["pk"]).first() if of_url["pk"] <= _MAX_SEQUENCE else None
        if entry is None:
            raise NotFound
        of_command = command_chain(self.subject, entry)
        return {
            "title": entry.sequence,
            "entry": entry,
            "difference": difference_of(entry),
            "rest": rest_of(entry),
            "of_command": of_command if len(of_command) > 1 else [],
            "of_object": object_chain(self.subject, entry),
        }


class ChainPage(_AuditPage):
    """Whether the record is whole: its head, the last head that was noted outside the database, and a full check."""

    template = "pages/audit/chain.html"
    fragment = "pages/audit/chain_line.html"
    title = _("State of the chain")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        """The full check reads every entry; it is made only if it is asked for."""
        home = settings.SEALBUS.home  # type: ignore[misc]  # ours
        noted = last_noted(home)
        checks = request.GET.get("verify") == "yes" and not is_fragment(request)
        return {
            "head": ChainHead.objects.first(),
            "problem": head_problem(),
            "noted_at": noted[0] if noted else None,
            "noted": noted[1] if noted else None,
            "report": verify_chain(noted_heads(home)) if checks else None,
        }


class ExportPage(_AuditPage):
    """The entries of the filter as a file, oldest first. The export is an entry itself."""

    def get(self, request: HttpRequest, **of_url: Any) -> HttpResponseBase:  # type: ignore[override]  # a stream
        """CSV, or one JSON object a line."""
        wanted = asked(request.GET, self.subject, Form()).wanted
        kind = "csv" if request.GET.get("file") == "csv" else "jsonl"
        entries = begin_export(subject=self.subject, wanted=wanted, kind=kind)
        pieces = as_csv(entries) if kind == "csv" else as_json_lines(entries)
        content_type = "text/csv; charset=utf-8" if kind == "csv" else "application/jsonl"
        return streamed(request, pieces, content_type=content_type, filename=f"audit.{kind}")


def _number(request: HttpRequest, name: str) -> int | None:
    """A place in the list; anything else is none."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _facets(wanted: Asked, counted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each with its choices as links; none for a filter that is set: the chip above takes it away."""
    return [
        {
            "name": NAMES[name],
            "choices": [(each, wanted.query(**{name: each.value})) for each in choices],
        }
        for name, choices in counted.items()
        if choices and not (wanted.given.get(name) and len(choices) == 1)
    ]


def _chips(wanted: Asked, groups: Mapping[int, str]) -> list[tuple[object, object, str]]:
    """What is set: the name of the filter, its value in words, and the query without it."""
    chips: list[tuple[object, object, str]] = []
    for name in wanted.active:
        value: object = wanted.given[name]
        if name == "group":
            value = groups.get(wanted.wanted.group or 0, value)
        elif name == "action":
            value = FAMILIES.get(str(value).rstrip("."), value)
        else:
            value = _WORDS.get(name, {}).get(str(value), value)
        chips.append((NAMES[name], value, wanted.query(**{name: ""})))
    return chips


def _too_narrow(subject: Subject, wanted: Asked) -> list[tuple[object, str]]:
    """Each part of the filter without which there are entries, and the query without it. One statement for all."""
    names = [*wanted.active, *(["range"] if wanted.wanted.since or wanted.wanted.until else [])]
    if not names:
        return []
    exist = {f"without_{name}": Exists(select(subject, wanted.without(name)).order_by()) for name in names}
    rows = Entry.objects.order_by().annotate(**exist).values_list(*exist)[:1]
    found = next(iter(rows), [False] * len(names))
    texts = {**NAMES, "range": _("time")}
    return [
        (texts[name], wanted.query(**{name: "all" if name == "range" else ""}))
        for name, exists in zip(names, found, strict=True)
        if exists
    ]
