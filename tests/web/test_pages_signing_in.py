"""A person gets in by pages: password, second factor, passkey, provider, links. Nothing looks like the library."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from allauth.mfa.models import Authenticator

from sealbus.web.access.subject import SHELL
from sealbus.web.accounts import services
from sealbus.web.accounts.models import Role, User
from web.browsers import PASSWORD, Browser, entries, holder, totp
from web.forms import codes_of, confirm, enter, location_of, submit, text_of
from web.identity_provider import Provider
from web.passkeys import SoftKey
from web.single_sign_on import set_up_for, start

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]  # codes of an app hold for half a minute


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    """A provider that the site is set up for."""
    with Provider() as running:
        set_up_for(running, settings)
        yield running


def _secret(browser: Browser) -> str:
    page = browser.get("/account/factors/app")
    assert page.status_code == 200, page.headers
    found = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page.content.decode())
    assert found
    return found[1].replace(" ", "")


def _person_with_app(name: str = "anna", *roles: str) -> tuple[str, list[str]]:
    """A user with an authenticator app: its secret and the recovery codes."""
    holder(name, *(roles or ("Viewer",)))
    browser = Browser("192.0.2.50")
    enter(browser, name)
    secret = _secret(browser)
    onward = location_of(submit(browser, "/account/factors/app", code=totp(secret)))
    codes = codes_of(browser.get(onward))
    Authenticator.objects.update(last_used_at=None)
    return secret, codes


def test_a_password_signs_in_and_leads_to_the_page_that_was_asked_for() -> None:
    holder("anna", "Viewer")
    browser = Browser()
    asked = location_of(browser.get("/devices?page=2"))
    assert asked == "/login?next=%2Fdevices%3Fpage%3D2"
    assert 'value="/devices?page=2"' in browser.get(asked).content.decode()
    assert location_of(enter(browser, "anna", next="/devices?page=2")) == "/devices?page=2"
    assert browser.me()["name"] == "anna"
    assert [entry.actor_name for entry in entries("session.login")] == ["anna"]


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
        "http://127.0.0.1/",
        "http://testserver:81/",
        "\\\\evil",
    ],
)
def test_signing_in_never_leads_to_another_site(elsewhere: str) -> None:
    holder("anna", "Viewer")
    browser = Browser()
    assert 'name="next"' not in browser.get(f"/login?next={elsewhere}").content.decode()
    assert location_of(enter(browser, "anna", next=elsewhere)) == "/"
    assert location_of(browser.get(f"/login?next={elsewhere}")) == "/"


def test_a_wrong_password_and_an_unknown_name_are_refused_with_the_same_words_and_the_name_stays() -> None:
    holder("anna", "Viewer")
    said = []
    for name in ("anna", "nikita"):
        answer = enter(Browser(), name, "wrong")
        assert answer.status_code == 422
        assert f'value="{name}"' in answer.content.decode()
        assert 'value="wrong"' not in answer.content.decode()
        said.append(text_of(answer).replace(name, ""))
    assert said[0] == said[1]
    assert "do not belong together" in said[0]


def test_a_lock_says_in_words_how_long_to_wait_even_for_the_right_password() -> None:
    holder("anna", "Viewer")
    browser = Browser()
    for _ in range(5):
        assert enter(browser, "anna", "wrong").status_code == 422
    answer = enter(browser, "anna")
    assert answer.status_code == 429
    assert 240 < int(answer.headers["Retry-After"]) <= 300
    assert "Too many failed attempts. Try again in 5 minutes." in text_of(answer)
    assert 'value="anna"' in answer.content.decode()
    assert browser.get("/api/v1/me").status_code == 401


def test_the_limit_of_one_address_is_a_page_too() -> None:
    browser = Browser()
    answers = [enter(browser, f"user{n}", "wrong") for n in range(11)]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert "Try again in" in text_of(answers[-1])


def test_the_form_is_refused_without_its_csrf_token() -> None:
    holder("anna", "Viewer")
    for path in ("/login", "/login/passkey", "/setup", "/password", "/emergency", "/sign-out"):
        answer = Browser().client.post(path, {"login": "anna", "password": PASSWORD})
        assert answer.status_code == 403, path


def test_a_name_with_markup_comes_back_as_text() -> None:
    page = enter(Browser(), "<img src=x onerror=alert(1)>", "wrong").content.decode()
    assert "<img" not in page
    assert "&lt;img src=x" in page


def test_the_sign_in_page_says_how_the_first_account_is_made_until_there_is_one() -> None:
    assert "sealbus web setup-link" in text_of(Browser().get("/login"))
    holder("boss", "Administrator")
    assert "no account yet" not in text_of(Browser().get("/login"))


def test_the_second_step_takes_a_code_once_and_a_recovery_code_in_its_place() -> None:
    secret, codes = _person_with_app()
    browser = Browser()
    assert location_of(enter(browser, "anna", next="/devices")) == "/login/second-factor"
    assert browser.get("/api/v1/me").status_code == 401
    page = browser.get("/login/second-factor")
    assert "anna, one step is left." in text_of(page)
    assert "passkey" not in text_of(page)
    wrong = submit(browser, "/login/second-factor", code="000000")
    assert wrong.status_code == 422
    assert "This code is not right" in text_of(wrong)
    assert location_of(submit(browser, "/login/second-factor", code=codes[0])) == "/devices"
    assert browser.me()["second_factor"]["used"] is True
    other = Browser()
    enter(other, "anna")
    assert submit(other, "/login/second-factor", code=codes[0]).status_code == 422
    assert submit(other, "/login/second-factor", code=totp(secret)).status_code in (302, 422)  # may be used already


def test_the_second_step_is_locked_in_words_too() -> None:
    _person_with_app()
    browser = Browser()
    enter(browser, "anna")
    statuses = [submit(browser, "/login/second-factor", code="000000").status_code for _ in range(5)]
    last = submit(browser, "/login/second-factor", code="000000")
    assert statuses == [422] * 5
    assert last.status_code == 429
    assert "Too many failed attempts" in text_of(last)


def test_the_second_step_alone_leads_to_the_first() -> None:
    assert location_of(Browser().get("/login/second-factor")) == "/login"
    _person_with_app()
    browser = Browser()
    enter(browser, "anna")
    assert location_of(browser.get("/login")) == "/login/second-factor"
    submit(browser, "/sign-out")
    assert browser.get("/login").status_code == 200


def test_who_was_deactivated_between_the_steps_begins_again() -> None:
    _, codes = _person_with_app()
    browser = Browser()
    enter(browser, "anna")
    User.objects.update(is_active=False)
    assert location_of(submit(browser, "/login/second-factor", code=codes[0])) == "/login?problem=changed"
    assert "has changed since you began" in text_of(browser.get("/login?problem=changed"))
    assert browser.get("/api/v1/me").status_code == 401


def test_whose_role_demands_a_second_factor_is_led_to_add_one_and_then_to_the_page_without_more_questions() -> None:
    holder("boss", "Administrator")
    browser = Browser()
    assert location_of(enter(browser, "boss", next="/devices")) == "/devices"
    needed = location_of(browser.get("/devices"))
    assert needed == "/second-factor?next=%2Fdevices"
    adding = location_of(browser.get(needed))
    assert adding == "/account/factors/app?next=%2Fdevices"
    page = browser.get(adding)
    assert "Your role asks for a second factor." in text_of(page)
    assert 'href="/devices"' not in page.content.decode()  # no places yet
    found = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page.content.decode())
    assert found
    wrong = submit(browser, adding, code="000000", next="/devices")
    assert wrong.status_code == 422
    assert found[1] in wrong.content.decode()  # the same key: it has been scanned
    done = submit(browser, adding, code=totp(found[1].replace(" ", "")), next="/devices")
    assert location_of(done) == "/account/factors/codes?next=%2Fdevices"
    codes = browser.get("/account/factors/codes?next=%2Fdevices")
    assert len(codes_of(codes)) == 10
    assert 'href="/devices"' in codes.content.decode()
    assert browser.get("/devices").status_code == 200
    assert [entry.detail["kind"] for entry in entries("second-factor.use")] == ["totp"]


def test_who_has_a_factor_and_has_not_used_it_in_this_session_is_asked_to_use_it() -> None:
    _, codes = _person_with_app("boss", "Administrator")
    browser = Browser()
    browser.client.force_login(User.objects.get())
    needed = location_of(browser.get("/devices"))
    asking = location_of(browser.get(needed))
    assert asking == "/confirm/code?next=%2Fdevices"
    assert "Use it once" in text_of(browser.get(asking))
    assert location_of(submit(browser, "/confirm/code", code=codes[0], next="/devices")) == "/devices"
    assert browser.get("/devices").status_code == 200


def _add_passkey(browser: Browser, name: str = "blue key") -> SoftKey:
    key = SoftKey(origin="http://localhost:8000")
    options = browser.get("/account/passkeys/add", HTTP_ACCEPT="application/json").json()["creation_options"]  # type: ignore[attr-defined]
    options["publicKey"]["authenticatorSelection"]["residentKey"] = "required"
    credential = json.dumps(key.create(options))
    answer = submit(browser, "/account/passkeys/add", name=name, credential=credential, passwordless="true")
    assert location_of(answer) == "/account/factors/codes"
    return key


def _at_its_name(address: str = "192.0.2.7") -> Browser:
    return Browser(address, HTTP_HOST="localhost:8000")


def test_a_passkey_signs_in_by_the_page_without_a_password() -> None:
    holder("anna", "Viewer")
    owner = _at_its_name("192.0.2.50")
    enter(owner, "anna")
    key = _add_passkey(owner)
    browser = _at_its_name()
    options = browser.get("/login/passkey", HTTP_ACCEPT="application/json").json()["request_options"]  # type: ignore[attr-defined]
    credential = json.dumps(key.get(options))
    assert location_of(submit(browser, "/login/passkey", credential=credential, next="/devices")) == "/devices"
    assert browser.me()["second_factor"]["used"] is True
    again = _at_its_name("192.0.2.8")
    refused = location_of(submit(again, "/login/passkey", credential=credential, next="/devices"))
    assert refused == "/login?problem=passkey&next=%2Fdevices"
    assert "The passkey was not accepted." in text_of(again.get(refused))


@pytest.mark.parametrize(
    "credential", ["", "{", "[]", "1", '{"response": 1}', '{"id": "x", "response": {"userHandle": []}}']
)
def test_no_answer_of_a_key_makes_the_page_fail(credential: str) -> None:
    browser = _at_its_name()
    browser.get("/login/passkey", HTTP_ACCEPT="application/json")
    answer = submit(browser, "/login/passkey", credential=credential)
    assert answer.status_code == 400 or location_of(answer) == "/login?problem=passkey"


def test_a_passkey_is_the_second_step_and_confirms() -> None:
    holder("anna", "Viewer")
    owner = _at_its_name("192.0.2.50")
    enter(owner, "anna")
    key = _add_passkey(owner)
    browser = _at_its_name()
    enter(browser, "anna")
    assert "Use a passkey" in text_of(browser.get("/login/second-factor"))
    options = browser.get("/login/second-factor", HTTP_ACCEPT="application/json").json()["request_options"]  # type: ignore[attr-defined]
    assert location_of(submit(browser, "/login/second-factor", credential=json.dumps(key.get(options)))) == "/"
    refused = submit(browser, "/confirm/passkey", credential="{}", next="/account")
    assert refused.status_code == 422
    options = browser.get("/confirm/passkey", HTTP_ACCEPT="application/json").json()["request_options"]  # type: ignore[attr-defined]
    answer = submit(browser, "/confirm/passkey", credential=json.dumps(key.get(options)), next="/account/factors/app")
    assert location_of(answer) == "/account/factors/app"
    assert browser.get("/account/factors/app").status_code == 200


def test_under_a_number_the_page_leads_to_the_name_for_which_passkeys_are_made() -> None:
    page = Browser().get("/login", HTTP_HOST="127.0.0.1:8000").content.decode()
    assert 'href="http://localhost:8000/login"' in page
    assert "data-passkey" not in page
    assert "data-passkey" in _at_its_name().get("/login").content.decode()


def test_single_sign_on_starts_on_the_sign_in_page_and_comes_back_to_it_with_words(provider: Provider) -> None:
    browser = Browser()
    page = browser.get("/login?next=/devices").content.decode()
    assert "Sign in with Plant login" in page
    assert 'name="callback_url" value="/login?next=%2Fdevices"' in page
    back = provider.approve(start(browser, "/login?next=%2Fdevices"))
    assert location_of(browser.get(back)) == "/login?next=%2Fdevices"
    assert location_of(browser.get("/login?next=%2Fdevices")) == "/devices"
    other = Browser()
    cancelled = provider.approve(start(other, "/login?next=%2Fdevices")).replace("code=", "error=access_denied&x=")
    where = location_of(other.get(cancelled))
    assert where.startswith("/login?next=%2Fdevices&")
    assert "was cancelled" in text_of(other.get(where))
    assert "did not succeed" in text_of(other.get("/login?error=unknown"))


def test_without_a_provider_no_button_is_shown() -> None:
    assert "provider" not in Browser().get("/login").content.decode()


def test_a_person_without_password_confirms_at_the_provider(provider: Provider) -> None:
    browser = Browser()
    browser.get(provider.approve(start(browser)))
    asked = location_of(browser.get("/account/factors/app"))
    assert asked == "/confirm/provider?next=%2Faccount%2Ffactors%2Fapp"
    page = browser.get(asked)
    assert 'name="callback_url" value="/account/factors/app"' in page.content.decode()
    assert 'type="password"' not in page.content.decode()


def test_changes_of_the_account_ask_to_confirm_first_and_a_wrong_password_is_told() -> None:
    _, codes = _person_with_app()
    browser = Browser()
    enter(browser, "anna")
    submit(browser, "/login/second-factor", code=codes[0])
    asked = location_of(browser.get("/account/factors/codes/new"))
    assert asked == "/confirm?next=%2Faccount%2Ffactors%2Fcodes%2Fnew"
    wrong = submit(browser, "/confirm", password="wrong", next="/account/factors/codes/new")
    assert wrong.status_code == 422
    assert "This is not your password." in text_of(wrong)
    assert location_of(confirm(browser, "https://evil.example/")) == "/"
    assert browser.get("/account/factors/codes/new").status_code == 200


def test_confirming_is_limited_and_says_so() -> None:
    holder("anna", "Viewer")
    browser = Browser()
    enter(browser, "anna")
    statuses = [submit(browser, "/confirm", password="wrong").status_code for _ in range(11)]
    assert statuses[-1] == 429
    assert "Wait a minute" in text_of(submit(browser, "/confirm", password="wrong"))


def test_from_the_set_up_link_to_the_overview_are_three_clicks() -> None:
    secret = services.setup_link().partition("#")[2]
    browser = Browser()
    first = submit(browser, "/setup", secret=secret, username="boss", password=PASSWORD, again=PASSWORD)  # one
    adding = location_of(browser.get(location_of(first)))
    page = browser.get(adding).content.decode()
    found = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page)
    assert found
    code = totp(found[1].replace(" ", ""))
    codes = location_of(submit(browser, adding, code=code, next="/"))  # two
    assert 'class="button main" href="/"' in browser.get(codes).content.decode()  # three
    assert browser.get("/").status_code == 200
    assert "administer" in browser.actions()
    assert "This site has been set up." in text_of(Browser().get("/setup"))


def test_a_link_that_is_not_valid_is_refused_in_words_and_what_was_typed_stays() -> None:
    services.setup_link()
    answer = submit(Browser(), "/setup", secret="wrong", username="boss", password=PASSWORD, again=PASSWORD)
    assert answer.status_code == 403
    assert "This link is not valid" in text_of(answer)
    assert 'value="boss"' in answer.content.decode()
    assert PASSWORD not in answer.content.decode()


def test_a_password_link_signs_in_as_far_as_the_second_step() -> None:
    _, codes = _person_with_app()
    secret = services.password_link(subject=SHELL, user=User.objects.get()).url.partition("#")[2]
    browser = Browser()
    new = "another good phrase"
    assert submit(browser, "/password", secret=secret, password=new, again="differs").status_code == 422
    answer = submit(browser, "/password", secret=secret, password=new, again=new)
    assert location_of(answer) == "/login/second-factor"
    assert browser.get("/api/v1/me").status_code == 401
    assert location_of(submit(browser, "/login/second-factor", code=codes[0])) == "/"


def test_an_emergency_link_opens_the_overview_and_offers_no_account() -> None:
    holder("boss", "Administrator")
    secret = services.emergency_link(1).partition("#")[2]
    browser = Browser()
    assert location_of(submit(browser, "/emergency", secret=secret)) == "/"
    page = browser.get("/").content.decode()
    assert "Emergency view" in page
    assert 'href="/account"' not in page
    assert browser.get("/account").status_code == 403


def test_no_page_of_the_library_is_routed_beside_ours() -> None:
    for path in (
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/2fa/",
        "/accounts/password/reset/",
        "/accounts/oidc/sso/login/",
    ):
        assert Browser().get(path).status_code == 404, path


def test_the_roles_that_demand_a_second_factor_are_those_of_the_site() -> None:
    Role.objects.filter(name="Viewer").update(needs_second_factor=True)
    holder("anna", "Viewer")
    browser = Browser()
    enter(browser, "anna")
    assert location_of(browser.get("/")) == "/second-factor"
    assert browser.get("/find", HTTP_HX_REQUEST="true").status_code == 403  # a fragment is not redirected
