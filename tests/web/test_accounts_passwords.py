"""A password that many people choose, or that follows a pattern, is refused wherever a password is set."""

from __future__ import annotations

import pytest

from sealbus.web.access.subject import SHELL
from sealbus.web.accounts import services
from sealbus.web.accounts.models import User
from sealbus.web.errors import Invalid
from web.browsers import AUTH, PASSWORD, Browser, holder

pytestmark = pytest.mark.django_db

PREDICTABLE = [
    "a" * 12, "a" * 200, "A" * 12, "aaaaaaaaaaab", "aaaaaabbbbbb", "abababababab", "abcabcabcabc", "abcdefghijkl",
    "zyxwvutsrqpo", "ABCDEFGHijkl", "abcd1234efgh", "1a1a1a1a1a1a", "qwertyuiopas", "qwertzuiopas", "asdfghjklasd",
    "qwerty123456", "123456789abc", "!!!!!!!!!!!!", "            ", "passwordpassword", "password-password",
    "Password2026", "password!!!!!", "p@ssw0rd2026", "iloveyou1234", "dragon123456", "welcome12345", "summer winter",
    "anna2026anna2026", "aaaa bbbb cccc", "\u00e4" * 12,
]  # fmt: skip
GOOD = [
    PASSWORD, "another good phrase", "Tr0ub4dor&3xQ", "k7#mQ2!vR9pL", "gelbe Pumpe tropft", "four gray ducks ran",
    "\u043d\u0430\u0441\u043e\u0441 \u043e\u043f\u044f\u0442\u044c \u0442\u0435\u0447\u0451\u0442", "aB3xK9wQ4mT8",
]  # fmt: skip


@pytest.mark.parametrize("password", PREDICTABLE)
def test_a_predictable_password_is_refused(password: str) -> None:
    with pytest.raises(Invalid, match="password"):
        services.create_user(subject=SHELL, username="new", password=password)
    assert not User.objects.exists()


@pytest.mark.parametrize("password", GOOD)
def test_a_password_without_a_pattern_is_taken(password: str) -> None:
    assert services.create_user(subject=SHELL, username="new", password=password).check_password(password)


def test_the_rule_holds_for_set_up_for_links_and_for_a_change() -> None:
    bad = "abcabcabcabc"
    secret = services.setup_link().partition("#")[2]
    with pytest.raises(Invalid, match="password"):
        services.set_up(secret=secret, username="boss", password=bad, address="192.0.2.1")
    anna = holder("anna", "Viewer")
    secret = services.password_link(subject=SHELL, user=anna).url.partition("#")[2]
    with pytest.raises(Invalid, match="password"):
        services.set_password(secret=secret, password=bad, address="192.0.2.1")
    browser = Browser()
    browser.login("anna")
    change = {"current_password": PASSWORD, "new_password": bad}
    assert browser.post(f"{AUTH}account/password/change", change).status_code == 400
    assert (
        browser.post(f"{AUTH}account/password/change", change | {"new_password": GOOD[3] * 100_000}).status_code == 400
    )
    assert browser.post(f"{AUTH}account/password/change", change | {"new_password": GOOD[2]}).status_code == 200
