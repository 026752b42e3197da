"""An account that strangers may have used is taken back: nothing that was handed out before works afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import SHELL
from sealbus.web.accounts import services
from sealbus.web.accounts.models import ApiToken, OneTimeLink, User
from sealbus.web.coordination.versions import read_version
from sealbus.web.errors import Forbidden
from web.browsers import AUTH, PASSWORD, Browser, entries, holder
from web.people import a_subject, a_token

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NEW = "another good phrase"


def _link(user: User) -> str:
    """The secret of a new password link."""
    return services.password_link(subject=SHELL, user=user).url.partition("#")[2]


def _use(secret: str, password: str = NEW) -> int:
    return Browser("192.0.2.9").post("/api/v1/password", {"secret": secret, "password": password}).status_code


RESCUES: dict[str, tuple[Callable[[User], object], str]] = {
    "a password link": (lambda user: _use(_link(user)), "password.set"),
    "ending the sessions": (lambda user: services.end_sessions(subject=SHELL, user=user), "session.end"),
    "resetting the second factor": (
        lambda user: services.reset_second_factor(subject=SHELL, user=user),
        "second-factor.reset",
    ),
    "deactivating": (lambda user: services.deactivate_user(subject=SHELL, user=user), "user.change"),
}


@pytest.mark.parametrize("name", RESCUES)
def test_a_rescue_ends_sessions_tokens_and_links_of_its_user_and_of_no_other(name: str) -> None:
    rescue, action = RESCUES[name]
    anna, ben = holder("anna", "Viewer"), holder("ben", "Viewer")
    sessions = {user.username: Browser() for user in (anna, ben)}
    clients = {user.username: a_token(user, Action.VIEW)[1] for user in (anna, ben)}
    links = {user.username: _link(user) for user in (anna, ben)}
    for username, browser in sessions.items():
        assert browser.login(username).status_code == 200
        assert clients[username].get("/api/v1/me").status_code == 200
    version = read_version("rights")

    rescue(anna)

    assert sessions["anna"].get("/api/v1/me").status_code == 401
    assert clients["anna"].get("/api/v1/me").status_code == 401
    assert _use(links["anna"], "a third good phrase") == 403
    assert ApiToken.objects.get(user=anna).revoked_at is not None
    assert read_version("rights") > version, "open sockets are not checked again"
    ended = entries(action)[-1].detail["ended"]
    assert (ended["sessions"], ended["tokens"]) == (1, 1)
    assert sessions["ben"].get("/api/v1/me").status_code == 200
    assert clients["ben"].get("/api/v1/me").status_code == 200
    assert _use(links["ben"]) == 204


def test_a_rescue_names_the_tokens_that_it_ended_for_those_who_replace_them() -> None:
    anna = holder("anna", "Viewer")
    a_token(anna, Action.VIEW, name="mes")
    a_token(anna, Action.VIEW, name="old", revoked_at="2026-01-01T00:00:00Z")
    services.end_sessions(subject=SHELL, user=anna)
    assert [(entry.target_name, entry.actor_name) for entry in entries("token.revoke")] == [("anna/mes", "shell")]


def test_a_session_that_a_rescue_has_ended_makes_no_token_any_more() -> None:
    anna = holder("anna", "Viewer")
    browser = Browser()
    browser.login("anna")
    wanted = services.TokenRequest(
        "late", frozenset({Action.VIEW}), timezone.now() + timedelta(days=1), all_groups=True
    )
    session = SessionStore(browser.session_id)
    services.issue_token(subject=a_subject(anna), session=session, wanted=replace(wanted, name="in time"))
    services.end_sessions(subject=SHELL, user=anna)
    with pytest.raises(Forbidden):
        services.issue_token(subject=a_subject(anna), session=session, wanted=wanted)
    assert not ApiToken.objects.filter(user=anna, revoked_at=None).exists()


def test_a_password_link_from_before_a_change_of_the_password_does_not_work() -> None:
    anna, ben = holder("anna", "Viewer"), holder("ben", "Viewer")
    old, bens = _link(anna), _link(ben)
    _, program = a_token(anna, Action.VIEW)
    browser = Browser()
    browser.login("anna")
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert browser.post(f"{AUTH}account/password/change", body).status_code == 200
    assert _use(old, "a third good phrase") == 403
    assert Browser().login("anna", NEW).status_code == 200
    assert not OneTimeLink.objects.filter(user=anna).exists()
    assert program.get("/api/v1/me").status_code == 200, "a token of the user's own survives a routine change"
    assert _use(bens) == 204


def test_a_password_link_that_is_made_after_a_rescue_works() -> None:
    anna = holder("anna", "Viewer")
    services.end_sessions(subject=SHELL, user=anna)
    assert _use(_link(anna)) == 204
    assert Browser().login("anna", NEW).status_code == 200
