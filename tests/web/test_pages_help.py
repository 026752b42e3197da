"""The help: every reason and every field of the forms has an entry, and the entries are found."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from sealbus.samples import Reason
from sealbus.web.access.actions import Action
from sealbus.web.accounts.serializers import RoleForm, TokenForm
from sealbus.web.devices.serializers import ConnectionForm, DeviceForm, RetentionForm, TagForm
from sealbus.web.pages.helping.texts import FORMS, help_texts
from web.people import a_user, signed_in

_RULES = {
    "connection": ConnectionForm, "device": DeviceForm, "tag": TagForm, "retention": RetentionForm, "token": TokenForm,
    "role": RoleForm,
}  # fmt: skip


def _anybody() -> Any:
    return signed_in(a_user("anna", Action.VIEW))


@pytest.mark.parametrize("form", FORMS)
def test_every_field_of_a_form_has_an_entry_and_no_entry_is_about_another(form: str) -> None:
    fields = {name for name, field in _RULES[form]().fields.items() if not field.read_only}
    entries = {each.slug for each in help_texts().values() if each.form == form}
    assert entries == {f"{form}-{name.replace('_', '-')}" for name in fields}


def test_every_reason_has_an_entry() -> None:
    reasons = {f"reason-{each.name.lower().replace('_', '-')}" for each in Reason if each is not Reason.NONE}
    assert {each.slug for each in help_texts().values() if each.kind == "reason"} == reasons


def test_every_entry_is_a_paragraph_with_an_example_and_an_address() -> None:
    for slug, entry in help_texts().items():
        assert re.fullmatch(r"[a-z0-9-]+", slug), slug
        assert entry.title and entry.text.endswith((".", "…")), slug
        assert entry.example, slug
        assert "null" not in entry.text.split() and "The id of" not in entry.text, f"{slug}: words of the API"


@pytest.mark.django_db
def test_everybody_who_is_signed_in_reads_the_help() -> None:
    assert Client().get("/help").status_code == 302
    client = _anybody()
    page = client.get("/help").content.decode()
    assert "The device did not answer" in page and 'href="/help/tag-dead-band"' in page
    assert client.get("/help/no-such-word").status_code == 404


@pytest.mark.django_db
def test_words_find_entries_and_what_is_sought_comes_out_as_text() -> None:
    client = _anybody()
    part = client.get("/help?q=unit+serial", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and "The device did not answer" in part and "Recovery codes" not in part
    none = client.get("/help?q=<img src=x onerror=alert(1)>").content.decode()
    assert "<img src=x" not in none and "No entry has these words" in none


@pytest.mark.django_db
def test_an_entry_is_a_page_and_a_part_for_the_dialog() -> None:
    client = _anybody()
    assert "holding:20" in client.get("/help/reason-no-such-place").content.decode()
    part = client.get("/help/tag-scale", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and "data-close" in part and "Example" in part


def test_a_language_without_texts_reads_english() -> None:
    with translation.override("fr"):
        assert help_texts()["tag"].title == "Tag"


def test_german_has_every_entry_with_texts_of_its_own() -> None:
    english = dict(help_texts())
    with translation.override("de"):
        german = help_texts()
    assert german.keys() == english.keys()
    assert [slug for slug, entry in german.items() if entry.text == english[slug].text] == []
