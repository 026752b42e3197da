"""The texts of the help: one TOML file for each language, `texts/LANGUAGE.toml`; what a language lacks is English.

An entry has a slug (its address), a title, a text and an example. Fields of forms take the sentence of
`http.field_help`, which the document of the API shows too, where the file has no text of its own.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils.translation import get_language

from sealbus.web.http.field_help import help_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FORMS", "HelpText", "help_texts"]

_FOLDER = Path(__file__).parent / "texts"
_SOURCE = "en"
FORMS = {
    "connection": "ConnectionForm",
    "device": "DeviceForm",
    "tag": "TagForm",
    "retention": "RetentionForm",
    "token": "TokenForm",
    "role": "RoleForm",
}
"""The forms whose fields are explained, with the name of their schema in the document of the API."""


@dataclass(frozen=True, slots=True)
class HelpText:
    """One entry. `kind` is term, reason or field; `form` is the form of a field."""

    slug: str
    kind: str
    title: str
    text: str
    example: str = ""
    form: str = ""

    def has(self, words: list[str]) -> bool:
        """Whether all words are in it."""
        everything = f"{self.title} {self.text} {self.example} {self.form}".lower()
        return all(word.lower() in everything for word in words)


def help_texts() -> Mapping[str, HelpText]:
    """All entries in the language of the page, by slug, in the order of the file."""
    language = (get_language() or _SOURCE).partition("-")[0]
    return _texts(language if (_FOLDER / f"{language}.toml").is_file() else _SOURCE)


@lru_cache(maxsize=4)
def _texts(language: str) -> dict[str, HelpText]:
    found = _read(_SOURCE)
    return found if language == _SOURCE else found | _read(language)


def _read(language: str) -> dict[str, HelpText]:
    read = tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    entries = [HelpText(kind=kind, **each) for kind in ("term", "reason") for each in read.get(kind, [])]
    for form, fields in read.get("field", {}).items():
        entries += [_field(form, name, members) for name, members in fields.items()]
    return {entry.slug: entry for entry in entries}


def _field(form: str, name: str, members: dict[str, Any]) -> HelpText:
    text = members.get("text") or help_of(FORMS[form], name)
    slug = f"{form}-{name.replace('_', '-')}"
    return HelpText(slug, "field", members["title"], text, members.get("example", ""), form)
