"""A user name cannot be mistaken for another one, nor for an actor of the audit that is no user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sealbus.web.access.subject import SHELL, ActorKind
from sealbus.web.accounts import services
from sealbus.web.accounts.models import User
from sealbus.web.errors import Conflict, Invalid
from web.browsers import Browser
from web.identity_provider import Provider
from web.single_sign_on import set_up_for, sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db

GOOD = ["anna", "a", "Anna.Costa", "anna@plant.example", "a-b_c+d", "7", "x" * 100]
BAD = [
    "", ".", "..", "...", "-", "@", "-anna", "anna.", ".anna", "a b", "a/b", "a\\b", "a\nb", "<b>",
    "r\u043e\u043et", "\u0430nna", "\u0440\u0430\u0443\u0430", "\u00fcmit", "anna\u200b", "a\u0301nna", "x" * 101,
    "shell", "Shell", "SETUP", "emergency", "nobody", "system", "gateway", "token", "user",
]  # fmt: skip


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    """A provider that the site is set up for."""
    with Provider() as running:
        set_up_for(running, settings)
        yield running


@pytest.mark.parametrize("name", GOOD)
def test_letters_and_digits_with_marks_between_them_are_a_user_name(name: str) -> None:
    assert services.create_user(subject=SHELL, username=name).username == name


@pytest.mark.parametrize("name", BAD)
def test_other_names_are_refused_for_a_user_and_for_the_first_administrator(name: str) -> None:
    with pytest.raises(Invalid, match="username"):
        services.create_user(subject=SHELL, username=name)
    secret = services.setup_link().partition("#")[2]
    with pytest.raises(Invalid, match="username"):
        services.set_up(secret=secret, username=name, password="correct horse battery", address="192.0.2.1")
    assert not User.objects.exists()


def test_wide_letters_become_the_usual_ones() -> None:
    assert services.create_user(subject=SHELL, username="\uff41nna").username == "anna"


def test_a_name_is_taken_in_every_spelling() -> None:
    services.create_user(subject=SHELL, username="Anna")
    with pytest.raises((Invalid, Conflict)):
        services.create_user(subject=SHELL, username="aNNA")


@pytest.mark.parametrize("name", BAD)
def test_a_provider_cannot_give_such_a_name(provider: Provider, name: str) -> None:
    provider.claims = {"sub": "1", "preferred_username": name}
    sign_in(Browser(), provider)
    assert [user.username[:4] for user in User.objects.all()] in ([], ["sso-"])


def test_every_kind_of_actor_is_a_reserved_name() -> None:
    for kind in ActorKind:
        with pytest.raises(Invalid):
            services.create_user(subject=SHELL, username=kind.value)
