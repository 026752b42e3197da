"""The languages of the pages: every text of a template or a module is in each catalogue, translated and compiled."""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.utils.translation.template import templatize

from sealbus.web import pages
from sealbus.web.access.actions import Action
from web.people import a_user

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGES = Path(pages.__file__).parent
_LANGUAGES = sorted(each.name for each in (_PAGES / "locale").iterdir() if each.is_dir())
_TEXTS = {"_": 1, "gettext": 1, "gettext_lazy": 1, "ngettext": 2, "ngettext_lazy": 2}
"""The functions that translate, and how many texts each takes."""
_HOLES = re.compile(r"%\(\w+\)[sd]|%[sd]")


def _calls(source: str) -> Iterator[tuple[str, ...]]:
    """The texts of each call that translates."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _TEXTS:
            given = node.args[: _TEXTS[node.func.id]]
            if all(isinstance(each, ast.Constant) for each in given):
                yield tuple(str(ast.literal_eval(each)) for each in given)


def _texts_of_sources() -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for path in _PAGES.rglob("*.py"):
        found.update(_calls(path.read_text(encoding="utf-8")))
    for path in (_PAGES / "templates").rglob("*.html"):
        python = templatize(path.read_text(encoding="utf-8"), origin=str(path))
        for call in re.findall(
            r"(?<![A-Za-z])(?:_|n?gettext)\((?:[^()'\"]|'(?:\\.|[^'])*'|\"(?:\\.|[^\"])*\")*\)", python
        ):
            found.update(_calls(call))
    return found


def _catalogue(language: str) -> dict[str, list[str]]:
    """Of the .po file: the translations of each text, one or one for each number."""
    path = _PAGES / "locale" / language / "LC_MESSAGES" / "django.po"
    found: dict[str, list[str]] = {}
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        lines = dict(re.findall(r'^(msg\S+) (".*")$', block, re.MULTILINE))
        if '"msgid"' not in block and ast.literal_eval(lines.get("msgid", '""')):
            translations = [value for name, value in lines.items() if name.startswith("msgstr")]
            found[ast.literal_eval(lines["msgid"])] = [ast.literal_eval(each) for each in translations]
    return found


@pytest.mark.parametrize("language", _LANGUAGES)
def test_every_text_of_the_pages_is_translated_and_no_other(language: str) -> None:
    wanted = {texts[0] for texts in _texts_of_sources()}
    catalogue = _catalogue(language)
    assert len(wanted) > 300
    assert sorted(wanted - catalogue.keys()) == [], "not in the catalogue"
    assert sorted(catalogue.keys() - wanted) == [], "in the catalogue, and not used any more"
    assert [text for text, translations in catalogue.items() if not all(translations)] == []


@pytest.mark.parametrize("language", _LANGUAGES)
def test_a_translation_has_the_holes_of_its_text(language: str) -> None:
    sources = {texts[0]: texts for texts in _texts_of_sources()}
    for text, translations in _catalogue(language).items():
        allowed = [sorted(_HOLES.findall(each)) for each in sources[text]]
        assert all(sorted(_HOLES.findall(each)) in allowed for each in translations), text


@pytest.mark.parametrize("language", _LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_source(language: str) -> None:
    path = _PAGES / "locale" / language / "LC_MESSAGES" / "django.mo"
    with path.open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for text, translations in _catalogue(language).items():
        if len(translations) == 1:
            assert compiled.gettext(text) == translations[0], text
        else:
            plurals = {texts[0]: texts[1] for texts in _texts_of_sources() if len(texts) == 2}
            numbers = [compiled.ngettext(text, plurals[text], number) for number in (1, 2)]
            assert numbers == translations, text


@pytest.mark.django_db
def test_a_browser_that_asks_for_german_gets_german_and_an_unknown_language_english() -> None:
    client = Client()
    client.force_login(a_user("anna", Action.VIEW))
    german = client.get("/help", headers={"Accept-Language": "de-AT,de;q=0.9"})
    assert german["Content-Language"] == "de" and "Warum ein Wert nicht gut ist" in german.content.decode()
    other = client.get("/help", headers={"Accept-Language": "fr"})
    assert other["Content-Language"] == "en" and "Why a value is not good" in other.content.decode()
