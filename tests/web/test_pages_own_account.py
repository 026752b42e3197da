"""A person's own account by pages: password, second factors, sessions, API tokens, language and look. Nobody else's."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import ApiToken, Assignment, Group, Role, User
from web.browsers import PASSWORD, Browser, entries, holder, totp
from web.forms import codes_of, confirm, enter, location_of, submit, text_of
from web.passkeys import SoftKey
from web.people import a_token, a_user, signed_in

if TYPE_CHECKING:
    from typing import Any

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]  # codes of an app hold for half a minute

PAGES = (
    "/account",
    "/account/factors",
    "/account/sessions",
    "/account/tokens",
    "/account/tokens/new",
    "/account/password",
)
MARKUP = "<img src=x onerror=alert(1)>"


def _anna(*roles: str, address: str = "192.0.2.7", **headers: str) -> Browser:
    """A browser in which Anna is signed in."""
    if not User.objects.filter(username="anna").exists():
        holder("anna", *(roles or ("Viewer",)))
    browser = Browser(address, **headers)
    assert enter(browser, "anna").status_code == 302
    return browser


@pytest.mark.parametrize("path", PAGES)
def test_the_pages_are_for_people_in_a_session(path: str) -> None:
    assert location_of(Browser().get(path)) == f"/login?next={path.replace('/', '%2F')}"
    _, program = a_token(a_user("anna", Action.VIEW), Action.VIEW)
    assert program.get(path).status_code == 403
    page = signed_in(User.objects.get()).get(path)
    assert page.status_code == 200
    assert page.content.decode().count("<h1") == 1
    assert "style=" not in page.content.decode()


def test_the_account_says_who_i_am_and_what_i_may_do() -> None:
    holder("anna", "Viewer", group=Group.objects.create(name=MARKUP))
    User.objects.update(name=MARKUP)
    page = _anna().get("/account")
    assert "Viewer" in text_of(page)
    assert "<img" not in page.content.decode()
    assert page.content.decode().count("&lt;img src=x") == 2
    assert 'href="/account"' in page.content.decode()


def test_without_a_role_the_account_says_who_can_help() -> None:
    User.objects.create_user("anna", PASSWORD)
    assert "No role yet." in text_of(_anna().get("/account"))


def test_the_language_and_the_look_are_kept_in_cookies_without_a_script() -> None:
    browser = _anna()
    answer = submit(browser, "/account", language="de", palette="night", density="<b>")
    assert location_of(answer) == "/account?done=look"
    assert browser.client.cookies["sealbus-language"].value == "de"
    assert browser.client.cookies["sealbus-density"].value == ""
    page = browser.get("/account")
    assert page.headers["Content-Language"] == "de"
    assert 'data-palette="night"' in page.content.decode()


def test_a_password_is_changed_with_the_present_one_and_ends_other_sessions() -> None:
    browser, other = _anna(), _anna(address="192.0.2.8")
    new = "another good phrase"
    wrong = submit(browser, "/account/password", oldpassword="wrong", password1=new, password2=new)
    assert wrong.status_code == 422
    short = submit(browser, "/account/password", oldpassword=PASSWORD, password1="short", password2="short")
    assert short.status_code == 422
    assert "at least 12 characters" in text_of(short)
    differing = submit(browser, "/account/password", oldpassword=PASSWORD, password1=new, password2="x")
    assert differing.status_code == 422
    for answer in (wrong, short, differing):
        assert PASSWORD not in answer.content.decode()
    done = submit(browser, "/account/password", oldpassword=PASSWORD, password1=new, password2=new)
    assert location_of(done) == "/account?done=password"
    assert "has been changed" in text_of(browser.get("/account?done=password"))
    assert other.get("/api/v1/me").status_code == 401
    assert len(entries("password.change")) == 1


def test_guessing_the_present_password_is_limited() -> None:
    browser = _anna()
    fields = {"oldpassword": "wrong", "password1": "another good phrase", "password2": "another good phrase"}
    statuses = [submit(browser, "/account/password", **fields).status_code for _ in range(8)]
    assert statuses[0] == 422
    assert statuses[-1] == 429


def test_an_app_is_added_by_code_and_removed_after_a_question() -> None:
    browser = _anna()
    page = browser.get("/account/factors/app").content.decode()
    assert '<svg class="qr"' in page
    assert "data:" not in page
    found = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page)
    assert found
    onward = location_of(submit(browser, "/account/factors/app", code=totp(found[1].replace(" ", ""))))
    assert onward == "/account/factors/codes"
    shown = browser.get(onward)
    assert "They are shown only now." in text_of(shown)
    code = codes_of(shown)[0]
    again = browser.get(onward)
    assert code not in text_of(again)
    assert "are not shown again" in text_of(again)
    assert "10 codes are left." in text_of(browser.get("/account/factors"))
    assert browser.get("/account/factors/app/remove").status_code == 200
    assert Authenticator.objects.count() == 2
    assert location_of(submit(browser, "/account/factors/app/remove")) == "/account/factors?done=app-removed"
    assert not Authenticator.objects.exists()
    assert [entry.action for entry in entries("second-factor.remove")]


def test_new_recovery_codes_end_the_old_ones() -> None:
    browser = _anna()
    browser.reauthenticate()
    browser.add_totp()
    assert location_of(submit(browser, "/account/factors/codes/new")) == "/account/factors/codes"
    first = codes_of(browser.get("/account/factors/codes"))
    assert location_of(submit(browser, "/account/factors/codes/new")) == "/account/factors/codes"
    second = codes_of(browser.get("/account/factors/codes"))
    assert len(first) == len(second) == 10
    assert not set(first) & set(second)


def _passkey(browser: Browser, name: str) -> int:
    options = browser.get("/account/passkeys/add", HTTP_ACCEPT="application/json").json()["creation_options"]  # type: ignore[attr-defined]
    credential = json.dumps(SoftKey(origin="http://localhost:8000").create(options))
    assert submit(browser, "/account/passkeys/add", name=name, credential=credential).status_code == 302
    return int(Authenticator.objects.filter(type="webauthn").latest("pk").pk)


def test_a_passkey_has_a_name_that_is_text_and_is_removed_after_a_question() -> None:
    browser = _anna(HTTP_HOST="localhost:8000")
    key = _passkey(browser, MARKUP)
    page = browser.get("/account/factors").content.decode()
    assert "<img" not in page
    assert "&lt;img src=x" in page
    assert (
        location_of(submit(browser, f"/account/passkeys/{key}", name="blue key"))
        == "/account/factors?done=passkey-named"
    )
    assert submit(browser, f"/account/passkeys/{key}", name="").status_code == 422
    assert "blue key" in text_of(browser.get(f"/account/passkeys/{key}/remove"))
    assert location_of(submit(browser, f"/account/passkeys/{key}/remove")) == "/account/factors?done=passkey-removed"
    assert "blue key" not in text_of(browser.get("/account/factors"))


def test_a_key_that_answers_wrongly_is_refused_in_place() -> None:
    browser = _anna(HTTP_HOST="localhost:8000")
    browser.get("/account/passkeys/add", HTTP_ACCEPT="application/json")
    answer = submit(browser, "/account/passkeys/add", name="blue key", credential="{}")
    assert answer.status_code in (400, 422)
    assert not Authenticator.objects.exists()


def test_the_passkey_of_another_person_is_not_found() -> None:
    key = _passkey(_anna(HTTP_HOST="localhost:8000"), "key")
    holder("bert", "Viewer")
    bert = Browser("192.0.2.9")
    enter(bert, "bert")
    confirm(bert)
    for path in (f"/account/passkeys/{key}", f"/account/passkeys/{key}/remove"):
        assert bert.get(path).status_code == 404
        assert submit(bert, path, name="mine").status_code == 404
    assert Authenticator.objects.filter(pk=key).exists()


def test_sessions_show_device_and_address_and_are_ended_one_by_one_or_all() -> None:
    firefox = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
    browser = _anna()
    second = _anna(address="192.0.2.8", HTTP_USER_AGENT=firefox)
    third = _anna(address="192.0.2.9", HTTP_USER_AGENT=MARKUP)
    page = browser.get("/account/sessions")
    assert "Firefox, Windows 192.0.2.8" in text_of(page)
    assert "<img" not in page.content.decode()
    found = re.search(r'name="end" value="([0-9]+)" aria-label="End Firefox', page.content.decode())
    assert found
    assert location_of(submit(browser, "/account/sessions", end=found[1])) == "/account/sessions?done=session-ended"
    assert second.get("/api/v1/me").status_code == 401
    assert third.get("/api/v1/me").status_code == 200
    assert location_of(submit(browser, "/account/sessions", end="others")) == "/account/sessions?done=sessions-ended"
    assert third.get("/api/v1/me").status_code == 401
    assert browser.get("/api/v1/me").status_code == 200
    assert len(entries("session.end")) == 2


@pytest.mark.parametrize("wanted", ["", "0", "-1", "x", "9" * 30])
def test_a_session_that_is_not_mine_is_not_found(wanted: str) -> None:
    assert submit(_anna(), "/account/sessions", end=wanted).status_code == 404


def test_another_persons_session_cannot_be_ended() -> None:
    holder("bert", "Viewer")
    bert = Browser("192.0.2.9")
    enter(bert, "bert")
    row = UserSession.objects.get()
    browser = _anna()
    assert submit(browser, "/account/sessions", end=str(row.pk)).status_code == 404
    assert bert.get("/api/v1/me").status_code == 200


def _token(browser: Browser, **changes: Any) -> Any:
    fields = {"name": "report", "actions": ["view"], "where": "all", "networks": "", "days": "30"} | changes
    return submit(browser, "/account/tokens/new", **fields)


def test_a_token_is_made_shown_once_and_works_within_its_limits() -> None:
    browser = _anna("Operator")
    answer = _token(browser, networks="192.0.2.0/24\n10.0.0.1")
    assert answer.status_code == 201
    found = re.search(r"sealbus_[0-9a-f]+", answer.content.decode())
    assert found
    listed = browser.get("/account/tokens")
    assert "report" in text_of(listed)
    assert found[0] not in listed.content.decode()
    program = Browser("192.0.2.77")
    assert program.get("/api/v1/me", HTTP_AUTHORIZATION=f"Token {found[0]}").status_code == 200
    stranger = Browser("198.51.100.1")
    assert stranger.get("/api/v1/me", HTTP_AUTHORIZATION=f"Token {found[0]}").status_code == 401
    token = ApiToken.objects.get()
    assert (token.actions, token.networks) == (["view"], ["192.0.2.0/24", "10.0.0.1/32"])
    assert token.expiry is not None
    assert timedelta(days=29) < token.expiry - timezone.now() < timedelta(days=31)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "may not be blank"),
        ({"actions": ["administer"]}, "You do not have this right yourself"),
        ({"actions": []}, "Choose at least one."),
        ({"where": "some"}, "Choose at least one group, or all."),
        ({"where": "some", "groups": ["999"]}, "does not exist"),
        ({"networks": "10.0.0.0/33"}, "Write addresses or networks"),
        ({"days": "4000"}, "required"),
        ({"days": "x"}, "required"),
    ],
)
def test_a_token_that_cannot_be_made_is_refused_in_place(changes: dict[str, Any], said: str) -> None:
    answer = _token(_anna(), **changes)
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert not ApiToken.objects.exists()


def test_a_token_for_one_group_names_it_and_only_groups_that_i_see_are_offered() -> None:
    mine, other = Group.objects.create(name=MARKUP), Group.objects.create(name="secret group")
    holder("anna", "Viewer", group=mine)
    browser = _anna()
    page = browser.get("/account/tokens/new")
    assert other.name not in text_of(page)
    assert "<img" not in page.content.decode()
    assert _token(browser).status_code == 422  # all groups: more than Anna has
    assert _token(browser, where="some", groups=[str(other.pk)]).status_code == 422
    assert _token(browser, where="some", groups=[str(mine.pk)]).status_code == 201
    assert "<img" not in browser.get("/account/tokens").content.decode()


def test_a_right_that_i_do_not_have_is_not_offered() -> None:
    page = _anna().get("/account/tokens/new").content.decode()
    assert 'value="view"' in page
    assert 'value="administer"' not in page


def test_a_token_is_revoked_after_a_question_and_listed_among_the_ended() -> None:
    browser = _anna()
    _token(browser)
    token = ApiToken.objects.get()
    assert "report" in text_of(browser.get(f"/account/tokens/{token.pk}/revoke"))
    done = submit(browser, f"/account/tokens/{token.pk}/revoke")
    assert location_of(done) == "/account/tokens?done=token-revoked"
    assert "No token" in text_of(browser.get("/account/tokens"))
    assert "revoked" in text_of(browser.get("/account/tokens?show=all"))


def test_the_token_of_another_person_is_not_found_even_by_an_administrator() -> None:
    token, _ = a_token(a_user("bert", Action.VIEW), Action.VIEW, name="of bert")
    boss = signed_in(a_user("anna", *Action))
    assert boss.get(f"/account/tokens/{token.pk}/revoke").status_code == 404
    assert boss.post(f"/account/tokens/{token.pk}/revoke").status_code == 404
    assert "bert" not in text_of(boss.get("/account/tokens"))


def test_lists_are_paged_and_take_a_fixed_number_of_statements(django_assert_max_num_queries: Any) -> None:
    user = a_user("anna", Action.VIEW)
    group = Group.objects.create(name="A")
    for n in range(105):
        token, _ = ApiToken.objects.create(user=user, name=f"t{n}", actions=["view"], networks=[])
        token.groups.add(group)
    client = signed_in(user)
    client.get("/account/tokens")
    with django_assert_max_num_queries(11):  # with those of session, user and rights
        page = client.get("/account/tokens")
    assert page.content.decode().count("/revoke") == 100
    assert client.get("/account/tokens?page=2").content.decode().count("/revoke") == 5
    for path in ("/account", "/account/factors", "/account/sessions"):
        with django_assert_max_num_queries(11):
            client.get(path)


def test_the_own_account_is_open_before_the_second_factor_but_tokens_are_not() -> None:
    Role.objects.filter(name="Viewer").update(needs_second_factor=True)
    browser = _anna()
    assert Assignment.objects.exists()
    assert browser.get("/account").status_code == 200
    assert location_of(browser.get("/account/tokens")) == "/second-factor?next=%2Faccount%2Ftokens"
    assert submit(browser, "/account/tokens/new", name="x").status_code == 302
    assert not ApiToken.objects.exists()


def test_forms_of_the_account_are_refused_without_their_csrf_token() -> None:
    browser = _anna()
    for path in ("/account", "/account/password", "/account/sessions", "/account/tokens/new", "/account/factors/app"):
        assert browser.client.post(path, {}).status_code == 403, path
