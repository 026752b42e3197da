"""Signing in in a real browser: with a password, a code, a key in software, and again on top of a half filled page."""

from __future__ import annotations

import itertools
import re
import time
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from web.browsers import PASSWORD, totp

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from browser.driving import Window
    from web.live_site import Site

_NUMBERS = itertools.count()
_PERIOD_S = 30
_REFUSED = "status of 422"
"""The browser notes each refused form as an error on the console."""


def _person(site: Site, *, demanded: bool = False) -> tuple[int, str]:
    """A user who can sign in: id and name."""
    name = f"signing{next(_NUMBERS)}"
    user = int(site.do("user", name=name, actions=["view"]))
    site.do("can_sign_in", user=user)
    if demanded:
        site.do("demand_second_factor", user=user)
    return user, name


def _enter(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def _named(site: Site) -> str:
    """The site under its name: keys know no numbers."""
    return site.origin.replace("127.0.0.1", "localhost")


def _code(page: Page, secret: str) -> str:
    """The code of an app, early enough in its half minute that it is still right when it arrives."""
    left_s = _PERIOD_S - time.time() % _PERIOD_S
    if left_s < _PERIOD_S / 3:
        page.wait_for_timeout(left_s * 1000)
    return totp(secret)


def _with_key(page: Page) -> None:
    """A key in the browser that asks nobody."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    more = {"isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options | more})


def _sign_out(window: Window, page: Page) -> None:
    """The page that is left may still ask for values, and is told that nobody is signed in."""
    window.allow("status of 401", "WebSocket connection")
    page.get_by_role("button", name="Sign out").click()


def test_a_demanded_factor_is_added_by_app_and_a_recovery_code_stands_in_for_it(
    window: Window, site: Site, tmp_path: Path
) -> None:
    window.allow(_REFUSED)
    _, name = _person(site, demanded=True)
    page = window.open("/devices")
    _enter(page, name, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    _enter(page, name)
    expect(page.get_by_role("heading", name="Add an authenticator app")).to_be_visible()
    page.get_by_text("I cannot scan it").click()
    secret = page.locator("code.secret").inner_text().replace(" ", "")
    page.get_by_label("Type the six digits").fill("000000")
    page.get_by_role("button", name="Add app").click()
    expect(page.get_by_label("Type the six digits")).to_be_focused()
    page.get_by_label("Type the six digits").fill(_code(page, secret))
    page.get_by_role("button", name="Add app").click()
    codes = page.locator("pre.codes").inner_text().split()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as a file").click()
    file = tmp_path / "codes.txt"
    saved.value.save_as(file)
    assert file.read_text().split() == codes
    page.get_by_role("link", name="I have kept them: go on").click()
    expect(page.get_by_role("heading", name="Devices")).to_be_visible()
    page.locator("details.who summary").click()
    _sign_out(window, page)
    page.goto("/login?next=/devices")
    _enter(page, name)
    page.get_by_label("Code of the authenticator app").fill(codes[0])
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Devices")).to_be_visible()


def test_a_passkey_is_added_signs_in_alone_and_confirms(window: Window, site: Site) -> None:
    _, name = _person(site)
    page = window.open("/login")
    page.goto(f"{_named(site)}/login?next=/account/passkeys/add")
    _with_key(page)
    _enter(page, name)
    page.get_by_label("Name", exact=True).fill("laptop <b>")
    page.get_by_role("button", name="Add passkey").click()
    page.get_by_role("link", name="I have kept them: go on").click()
    expect(page.get_by_text("laptop <b>")).to_be_visible()
    page.locator("details.who summary").click()
    _sign_out(window, page)
    page.goto(f"{_named(site)}/login?next=/devices")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Devices")).to_be_visible()
    page.goto(f"{_named(site)}/account/factors/codes/new")
    page.get_by_role("button", name="Confirm by passkey").click()
    expect(page.get_by_role("heading", name="Make new recovery codes")).to_be_visible()


def test_a_browser_without_the_key_says_so_and_the_password_is_still_there(window: Window, site: Site) -> None:
    page = window.open("/login")
    page.goto(f"{_named(site)}/login")
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "hasResidentKey": False, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("The browser has given no passkey.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_enabled()


def _half_filled(window: Window, name: str) -> Page:
    page = window.open("/login?next=/account/tokens/new")
    _enter(page, name)
    page.get_by_label("Name", exact=True).fill("half typed")
    page.get_by_label("From these networks only").fill("10.0.0.0/8")
    return page


def _sign_in_again(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Sign in again").click()
    _enter(opened.value, name)
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_hidden()
    if not opened.value.is_closed():
        opened.value.wait_for_event("close")


def _send(page: Page) -> None:
    assert page.get_by_label("Name", exact=True).input_value() == "half typed"
    assert page.get_by_label("From these networks only").input_value() == "10.0.0.0/8"
    page.get_by_role("button", name="Make token").click()
    expect(page.locator("#token-secret")).to_have_text(re.compile("^sealbus_"))


def test_a_session_that_ends_is_renewed_on_top_of_the_page_and_the_form_is_sent(window: Window, site: Site) -> None:
    window.allow("status of 401", "WebSocket connection")
    user, name = _person(site)
    page = _half_filled(window, name)
    expect(page.locator("[data-link-state]")).not_to_have_text("Connecting")
    site.do("end_all_sessions", user=user)
    _sign_in_again(page, name)
    _send(page)


def test_a_form_is_not_lost_where_no_socket_tells_that_the_session_has_ended(window: Window, site: Site) -> None:
    window.allow("status of 401", "WebSocket connection")
    user, name = _person(site)
    page = window.open("/login?next=/account/tokens/new")
    page.context.route_web_socket("**/ws/live", lambda socket: socket.close())
    _enter(page, name)
    page.get_by_label("Name", exact=True).fill("half typed")
    page.get_by_label("From these networks only").fill("10.0.0.0/8")
    site.do("end_all_sessions", user=user)
    page.get_by_role("button", name="Make token").click(no_wait_after=True)
    _sign_in_again(page, name)
    _send(page)
