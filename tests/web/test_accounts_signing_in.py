"""Signing in with a password and a second factor: what succeeds, what fails, and what is recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.utils import timezone

from sealbus.web.access.subject import SHELL
from sealbus.web.accounts import services
from sealbus.web.accounts.models import Role
from sealbus.web.coordination.versions import read_version
from web.browsers import AUTH, PASSWORD, Browser, entries, holder, totp

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

TOTP = f"{AUTH}account/authenticators/totp"


def test_only_the_right_password_signs_in() -> None:
    holder("anna", "Operator")
    browser = Browser()
    assert browser.login("anna", "wrong password").status_code == 400
    assert browser.get("/api/v1/me").status_code == 401
    assert browser.login("anna").status_code == 200
    assert browser.actions() == {"view", "acknowledge", "write"}
    failed, done = entries("session.login")
    assert (failed.result, failed.actor_kind, failed.actor_name, failed.address) == (
        "failed", "nobody", "anna", "192.0.2.7",
    )  # fmt: skip
    assert (done.result, done.actor_name, done.detail) == ("done", "anna", {"by": ["password"]})


def test_names_are_matched_without_case_and_are_unique_without_case() -> None:
    holder("Anna", "Viewer")
    assert Browser().login("aNNA").status_code == 200
    browser = Browser()
    boss = holder("boss", "Engineer")
    services.assign(subject=SHELL, user=boss, role=services.create_role(subject=SHELL, wanted=_admin()), group=None)
    browser.login("boss")
    assert browser.post("/api/v1/users", {"username": "anna"}).status_code == 400


def _admin() -> services.RoleChanges:
    from sealbus.web.access.actions import Action

    return services.RoleChanges(name="Helper", actions=frozenset({Action.ADMINISTER}))


def test_login_and_logout_require_the_csrf_token() -> None:
    holder("anna", "Viewer")
    browser = Browser()
    browser.get(f"{AUTH}config")
    assert browser.login("anna", HTTP_X_CSRFTOKEN="").status_code == 403
    assert browser.get("/api/v1/me").status_code == 401
    assert browser.login("anna").status_code == 200
    assert browser.send("DELETE", f"{AUTH}auth/session", HTTP_X_CSRFTOKEN="x" * 32).status_code == 403
    assert browser.get("/api/v1/me").status_code == 200
    assert browser.send("DELETE", f"{AUTH}auth/session").status_code == 401
    assert browser.get("/api/v1/me").status_code == 401
    assert len(entries("session.logout")) == 1


def test_a_session_can_change_something_only_with_the_csrf_token() -> None:
    holder("anna", "Viewer")
    browser = Browser()
    browser.login("anna")
    assert browser.post("/api/v1/tokens", {}, HTTP_X_CSRFTOKEN="").status_code == 403
    assert browser.post("/api/v1/tokens", {}).status_code == 400


def test_a_session_id_from_before_login_is_not_valid_after_it() -> None:
    holder("anna", "Viewer")
    browser = Browser()
    browser.get(f"{AUTH}auth/session")
    browser.client.cookies["sealbus"] = "fixed0123456789fixed0123456789ab"
    assert browser.login("anna").status_code == 200
    assert browser.session_id != "fixed0123456789fixed0123456789ab"
    intruder = Browser()
    intruder.client.cookies["sealbus"] = "fixed0123456789fixed0123456789ab"
    assert intruder.get("/api/v1/me").status_code == 401


def test_rights_that_require_a_second_factor_are_withheld_until_it_was_used(
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]],
) -> None:
    holder("boss", "Administrator")
    browser = Browser()
    browser.login("boss")
    assert browser.actions() == set()
    assert browser.get("/api/v1/users").json()["type"] == "second-factor-needed"  # type: ignore[attr-defined]
    before = browser.session_id
    with django_capture_on_commit_callbacks(execute=True):
        secret = browser.add_totp()
    assert browser.actions() == set(), "it was added, not used"
    assert browser.get("/api/v1/users").status_code == 403
    answer = browser.post(f"{AUTH}auth/2fa/reauthenticate", {"code": totp(secret)})
    assert answer.status_code == 200, answer.content
    assert browser.get("/api/v1/users").status_code == 200
    assert browser.me()["second_factor"] == {"kinds": ["recovery_codes", "totp"], "used": True, "needed": False}
    assert browser.session_id != before
    assert [entry.detail["kind"] for entry in entries("second-factor.add")] == ["totp", "recovery_codes"]
    assert len(entries("second-factor.use")) == 1


def _with_totp(name: str = "boss", role: str = "Administrator") -> str:
    holder(name, role)
    browser = Browser("192.0.2.50")
    browser.login(name)
    return browser.add_totp()


def test_a_login_requires_the_second_factor_and_accepts_each_code_once() -> None:
    secret = _with_totp()
    browser, replaying = Browser(), Browser("192.0.2.8")
    for each in (browser, replaying):
        answer = each.login("boss")
        assert answer.status_code == 401
        assert each.get("/api/v1/me").status_code == 401
    code = totp(secret)
    assert browser.post(f"{AUTH}auth/2fa/authenticate", {"code": code}).status_code == 200
    assert browser.get("/api/v1/users").status_code == 200
    assert replaying.post(f"{AUTH}auth/2fa/authenticate", {"code": code}).status_code == 400
    assert replaying.get("/api/v1/me").status_code == 401
    assert [entry.result for entry in entries("second-factor.use")] == ["failed"]
    assert entries("session.login")[-1].detail == {"by": ["password", "mfa: totp"]}


@pytest.mark.parametrize("code", ["000000", "", "1" * 400, "\uff11\uff12\uff13\uff14\uff15\uff16", None, 5, [], {}])
def test_a_wrong_code_does_not_sign_in(code: object) -> None:
    _with_totp()
    browser = Browser()
    browser.login("boss")
    assert browser.post(f"{AUTH}auth/2fa/authenticate", {"code": code}).status_code == 400
    assert browser.get("/api/v1/me").status_code == 401


def test_the_second_step_fails_without_the_first() -> None:
    secret = _with_totp()
    assert Browser().post(f"{AUTH}auth/2fa/authenticate", {"code": totp(secret)}).status_code == 401


def test_a_recovery_code_works_once() -> None:
    holder("boss", "Administrator")
    browser = Browser("192.0.2.50")
    browser.login("boss")
    browser.add_totp()
    codes = browser.get(f"{AUTH}account/authenticators/recovery-codes").json()["data"]["unused_codes"]  # type: ignore[attr-defined]
    first, second = Browser(), Browser("192.0.2.8")
    first.login("boss")
    second.login("boss")
    assert first.post(f"{AUTH}auth/2fa/authenticate", {"code": codes[0]}).status_code == 200
    assert first.get("/api/v1/users").status_code == 200
    assert second.post(f"{AUTH}auth/2fa/authenticate", {"code": codes[0]}).status_code == 400
    assert second.post(f"{AUTH}auth/2fa/authenticate", {"code": codes[1]}).status_code == 200


def test_recovery_codes_are_shown_once_and_new_ones_are_recorded(
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]],
) -> None:
    holder("boss", "Administrator")
    browser = Browser()
    browser.login("boss")
    browser.add_totp()
    path = f"{AUTH}account/authenticators/recovery-codes"
    codes = browser.get(path).json()["data"]["unused_codes"]  # type: ignore[attr-defined]
    again = browser.get(path)
    assert again.status_code == 200
    assert not any(code in again.content.decode() for code in codes)
    with django_capture_on_commit_callbacks(execute=True):
        made = browser.post(path, {}).json()["data"]["unused_codes"]  # type: ignore[attr-defined]
    assert not set(made) & set(codes)
    assert [entry.detail["kind"] for entry in entries("second-factor.renew")] == ["recovery_codes"]


def test_secrets_of_second_factors_are_stored_encrypted() -> None:
    secret = _with_totp()
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored
    assert "gAAAA" in stored


def test_a_second_factor_is_changed_only_after_the_password_is_given_again() -> None:
    holder("anna", "Viewer")
    browser = Browser()
    browser.login("anna")
    secret = browser.get(TOTP).json()["meta"]["secret"]  # type: ignore[attr-defined]
    answer = browser.post(TOTP, {"code": totp(secret)})
    assert (answer.status_code, Authenticator.objects.count()) == (401, 0)
    assert browser.reauthenticate("wrong").status_code == 400
    assert browser.reauthenticate().status_code == 200
    assert browser.post(TOTP, {"code": totp(secret)}).status_code == 200


def test_a_user_who_removes_the_factor_that_the_role_demands_has_no_rights_at_the_next_login() -> None:
    secret = _with_totp()
    browser = Browser()
    browser.login("boss")
    browser.post(f"{AUTH}auth/2fa/authenticate", {"code": totp(secret)})
    assert browser.reauthenticate().status_code == 200
    assert browser.send("DELETE", TOTP).status_code == 200
    assert not Authenticator.objects.exists()
    assert [entry.detail["kind"] for entry in entries("second-factor.remove")] == ["totp", "recovery_codes"]
    again = Browser("192.0.2.8")
    assert again.login("boss").status_code == 200
    assert again.actions() == set()
    assert again.get("/api/v1/users").status_code == 403


def test_an_administrator_resets_a_lost_second_factor() -> None:
    secret = _with_totp()
    anna = holder("anna", "Security officer")
    hers = Browser("192.0.2.8")
    hers.login("anna")
    hers.add_totp()
    browser = Browser()
    browser.login("boss")
    browser.post(f"{AUTH}auth/2fa/authenticate", {"code": totp(secret)})
    assert hers.post(f"/api/v1/users/{anna.pk}/reset-second-factor").status_code == 403
    assert browser.post(f"/api/v1/users/{anna.pk}/reset-second-factor").status_code == 204
    assert not Authenticator.objects.filter(user=anna).exists()
    assert hers.get("/api/v1/me").status_code == 401
    assert entries("second-factor.reset")[0].detail["old"] == ["recovery_codes", "totp"]


def test_a_password_change_ends_all_other_sessions_and_changes_the_id_of_this_one() -> None:
    holder("anna", "Viewer")
    here, there = Browser(), Browser("192.0.2.8")
    here.login("anna")
    there.login("anna")
    before, version = here.session_id, read_version("rights")
    wrong = {"current_password": "wrong", "new_password": "another good phrase"}
    assert here.post(f"{AUTH}account/password/change", wrong).status_code == 400
    assert here.post(f"{AUTH}account/password/change", wrong | {"current_password": PASSWORD}).status_code == 200
    assert here.get("/api/v1/me").status_code == 200
    assert here.session_id != before
    assert there.get("/api/v1/me").status_code == 401
    assert read_version("rights") > version
    assert len(entries("password.change")) == 1
    weak = {"current_password": "another good phrase", "new_password": "password1234"}
    assert here.post(f"{AUTH}account/password/change", weak).status_code == 400


def test_sessions_are_listed_and_ended_by_their_owner_only() -> None:
    holder("anna", "Viewer")
    holder("ben", "Viewer")
    here, there, other = Browser(), Browser("192.0.2.8"), Browser("192.0.2.9")
    for browser, name in ((here, "anna"), (there, "anna"), (other, "ben")):
        browser.login(name)
    listed = here.get(f"{AUTH}auth/sessions").json()["data"]  # type: ignore[attr-defined]
    assert {each["ip"] for each in listed} == {"192.0.2.7", "192.0.2.8"}
    bens = other.get(f"{AUTH}auth/sessions").json()["data"][0]["id"]  # type: ignore[attr-defined]
    assert here.send("DELETE", f"{AUTH}auth/sessions", {"sessions": [bens]}).status_code == 400
    assert other.get("/api/v1/me").status_code == 200
    away = next(each["id"] for each in listed if not each["is_current"])
    assert here.send("DELETE", f"{AUTH}auth/sessions", {"sessions": [away]}).status_code == 200
    assert there.get("/api/v1/me").status_code == 401
    assert here.get("/api/v1/me").status_code == 200
    assert len(entries("session.end")) == 1


def test_the_next_login_deletes_expired_sessions_and_no_others() -> None:
    anna, berta = holder("anna", "Viewer"), holder("berta", "Viewer")
    old, open_still = Browser(), Browser()
    old.login("anna")
    open_still.login("anna")
    long_ago = timezone.now() - timedelta(days=2)
    key = old.session_id
    Session.objects.filter(session_key=key).update(expire_date=long_ago)
    UserSession.objects.filter(session_key=key).update(last_seen_at=long_ago)
    assert Browser().login("berta").status_code == 200
    assert Session.objects.count() == UserSession.objects.count() == 2
    assert UserSession.objects.filter(user=anna).count() == UserSession.objects.filter(user=berta).count() == 1
    assert open_still.get("/api/v1/me").status_code == 200


def test_deactivating_a_user_ends_sessions_immediately_and_activating_does_not_restore_them() -> None:
    anna = holder("anna", "Viewer")
    browser = Browser()
    browser.login("anna")
    services.change_user(subject=SHELL, user=anna, changes=services.UserChanges(is_active=False))
    assert browser.get("/api/v1/me").status_code == 401
    assert browser.login("anna").status_code == 400
    services.change_user(subject=SHELL, user=anna, changes=services.UserChanges(is_active=True))
    assert browser.get("/api/v1/me").status_code == 401
    assert browser.login("anna").status_code == 200


def test_the_right_password_of_a_deactivated_user_is_answered_counted_and_recorded_like_a_wrong_one() -> None:
    anna = holder("anna", "Viewer")
    holder("ben", "Viewer")
    services.change_user(subject=SHELL, user=anna, changes=services.UserChanges(is_active=False))
    right, wrong = Browser(), Browser("192.0.2.8")
    answers = [right.login("anna"), wrong.login("ben", "wrong password")]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].content == answers[1].content
    assert right.client.session.keys() == wrong.client.session.keys()
    assert [entry.result for entry in entries("session.login")] == ["failed", "failed"]
    assert [right.login("anna").status_code for _ in range(5)] == [400] * 4 + [429]


def test_a_role_that_is_taken_away_has_no_effect_on_the_next_request() -> None:
    anna = holder("anna", "Operator")
    browser = Browser()
    browser.login("anna")
    assert "write" in browser.actions()
    version = read_version("rights")
    services.unassign(subject=SHELL, assignment=anna.assignments.get())
    assert browser.actions() == set()
    assert read_version("rights") > version
    services.assign(subject=SHELL, user=anna, role=Role.objects.get(name="Viewer"), group=None)
    assert browser.actions() == {"view"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "auth/signup"),
        ("POST", "auth/password/request"),
        ("POST", "auth/password/reset"),
        ("POST", "auth/code/confirm"),
        ("POST", "auth/email/verify"),
        ("POST", "auth/phone/verify"),
        ("GET", "account/email"),
        ("GET", "account/phone"),
        ("POST", "auth/provider/signup"),
        ("POST", "auth/provider/token"),
    ],
)
def test_unused_routes_of_the_library_are_closed(method: str, path: str) -> None:
    holder("anna", "Viewer")
    browser = Browser()
    assert browser.send(method, AUTH + path).status_code == 403
    browser.login("anna")
    assert browser.send(method, AUTH + path).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"username": ["anna"], "password": {"a": 1}},
        {"username": "a\0b", "password": "x"},
        {"username": "anna"},
        {"username": "x" * 100_000, "password": "y" * 100_000},
        [],
        5,
        "text",
    ],
)
def test_malformed_login_data_is_an_error_of_the_client(body: object) -> None:
    assert Browser().post(f"{AUTH}auth/login", body).status_code in (400, 403)
