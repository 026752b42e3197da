"""The help: a searchable list, and one entry, on a page or in the dialog beside a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from sealbus.web.errors import NotFound
from sealbus.web.pages.helping.texts import help_texts
from sealbus.web.pages.shell.page import Page

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["EntryHelpPage", "HelpPage"]

_MAX_CHARACTERS = 100
_KINDS = (
    ("reason", _("Why a value is not good")),
    ("term", _("Words")),
    ("field", _("Fields of forms")),
)
_FORMS = {
    "connection": _("connection"),
    "device": _("device"),
    "tag": _("tag"),
    "retention": _("retention class"),
    "token": _("token"),
    "role": _("role"),
}


class HelpPage(Page):
    """All entries that have these words."""

    template = "pages/helping/list.html"
    fragment = "pages/helping/found.html"
    place = "help"
    title = _("Help")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        text = request.GET.get("q", "")[:_MAX_CHARACTERS]
        found = [entry for entry in help_texts().values() if entry.has(text.split())]
        sections = [
            (kind, name, [(each, _FORMS.get(each.form, "")) for each in found if each.kind == kind])
            for kind, name in _KINDS
        ]
        return {"q": text, "sections": sections, "count": len(found)}


class EntryHelpPage(Page):
    """One entry."""

    template = "pages/helping/entry.html"
    fragment = "pages/helping/entry_part.html"
    place = "help"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        entry = help_texts().get(of_url["slug"])
        if entry is None:
            raise NotFound
        return {"title": entry.title, "entry": entry, "form": _FORMS.get(entry.form, "")}
