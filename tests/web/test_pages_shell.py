"""What all pages share: who gets in, what is found, headers, languages; and what no template may have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

import sealbus.web.pages
from sealbus.web.access.actions import Action
from sealbus.web.pages.shell.page import Page
from web.people import a_user, signed_in
from web.plant_rows import a_device, a_group, a_tag

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGES = Path(sealbus.web.pages.__file__).parent
_TEMPLATES = sorted(_PAGES.rglob("*.html"))
_BUILT = sorted((_PAGES / "static").rglob("*.*"))
_FORBIDDEN = {
    "a style attribute": r"\sstyle\s*=",
    "an inline handler": r"\son[a-z]+\s*=|hx-on",
    "an inline script": r"<script(?![^>]*\bsrc=)",
    "a style element": r"<style",
    "an expression that needs eval": r"js:|hx-trigger=\"[^\"]*\[",
    "unescaped text": r"\|\s*safe\b|autoescape off|safeseq",
    "another host": r"(?:src|href|action)=\"(?:https?:)?//",
}


@pytest.mark.parametrize("template", _TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_that_the_policy_of_the_site_forbids(template: Path) -> None:
    text = template.read_text()
    assert [name for name, pattern in _FORBIDDEN.items() if re.search(pattern, text)] == []


@pytest.mark.parametrize("file", _BUILT, ids=lambda path: path.name)
def test_a_built_file_names_no_other_host_and_no_data_url(file: Path) -> None:
    text = file.read_bytes().decode("latin-1")
    hosts = set(re.findall(r"https?://([a-z0-9.-]+)", text)) if file.suffix in (".js", ".css", ".svg") else set()
    assert hosts <= {"www.w3.org"}, "a name space, which nothing fetches"
    assert "url(data:" not in text
    assert "sourceMappingURL" not in text


@pytest.mark.django_db
def test_who_has_not_signed_in_is_led_to_sign_in_and_back() -> None:
    answer = Client().get("/devices?text=a b")
    assert answer.status_code == 302
    assert answer["Location"] == "/login?next=%2Fdevices%3Ftext%3Da%2520b" or "next=" in answer["Location"]
    assert Client().get("/")["Location"] == "/login"


@pytest.mark.django_db
def test_a_fragment_without_a_session_is_401_so_that_the_page_stays() -> None:
    assert Client().get("/devices", HTTP_HX_REQUEST="true").status_code == 401


@pytest.mark.django_db
def test_finding_shows_only_what_the_caller_may_see() -> None:
    north, south = a_group("north"), a_group("south")
    a_tag(a_device("north pump", group=north), "north flow")
    a_tag(a_device("south pump", group=south), "south flow")
    client = signed_in(a_user("anna", Action.VIEW, group=north))
    found = client.get("/find?q=flow", HTTP_HX_REQUEST="true").content.decode()
    assert "north flow" in found
    assert "south" not in found
    assert "south" not in client.get("/find?q=pump").content.decode()


@pytest.mark.django_db
def test_finding_takes_a_fixed_number_of_statements(django_assert_max_num_queries: Any) -> None:
    device = a_device("pump")
    for number in range(20):
        a_tag(device, f"flow {number}")
    client = signed_in(a_user("anna", Action.VIEW))
    client.get("/find")
    with django_assert_max_num_queries(7):
        client.get("/find?q=flow")


@pytest.mark.django_db
def test_a_page_is_in_the_language_that_was_chosen_and_an_answer_for_programs_in_english() -> None:
    client = signed_in(a_user("anna", Action.VIEW))
    client.cookies["sealbus-language"] = "de"
    assert '<html lang="de"' in client.get("/").content.decode()
    assert client.get("/api/v1/devices?nonsense=1").json()["title"] == "Bad Request"
    client.cookies["sealbus-language"] = "../../etc"
    assert '<html lang="en"' in client.get("/").content.decode()


@pytest.mark.django_db
def test_a_palette_that_no_page_has_is_left_out() -> None:
    client = signed_in(a_user("anna", Action.VIEW))
    client.cookies["sealbus-palette"] = "night"
    assert 'data-palette="night"' in client.get("/").content.decode()
    client.cookies["sealbus-palette"] = '"><script>'
    assert "data-palette" not in client.get("/").content.decode()


@pytest.mark.django_db
def test_signing_out_needs_a_form_of_this_site() -> None:
    user = a_user("anna", Action.VIEW)
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out").status_code == 403
    client.get("/")
    token = client.cookies["sealbus-csrf"].value
    assert client.post("/sign-out", headers={"X-CSRFToken": token}).status_code == 303
    assert client.get("/")["Location"] == "/login"


def test_every_page_declares_what_each_of_its_methods_requires() -> None:
    """Undeclared is closed: this test names the page before somebody finds it closed."""
    for page in _subclasses(Page):
        handlers = {method.upper() for method in ("get", "post") if hasattr(page, method)}
        assert handlers & {name.upper() for name in page.http_method_names} <= set(page.access), page


def _subclasses(page: type[Page]) -> Iterator[type[Page]]:
    for each in page.__subclasses__():
        yield each
        yield from _subclasses(each)
