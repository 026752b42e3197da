"""Which views of django-allauth are open, and to whom. What does not stand here is closed.

Closed on purpose: making an account for oneself, everything by mail or phone (an account is not known by an address),
login codes, trusted browsers, and tokens of an identity provider handed in by a script. Where a view is open to
everybody, it is a step of signing in and checks by itself what has been shown so far.
"""

from __future__ import annotations

from sealbus.web.access.requirement import EVERYBODY, PEOPLE

__all__ = ["REQUIREMENTS"]

_BROWSER = "headless:browser"

REQUIREMENTS = {
    f"{_BROWSER}:config": EVERYBODY,
    f"{_BROWSER}:account:current_session": EVERYBODY,  # who am I, and sign out
    f"{_BROWSER}:account:login": EVERYBODY,
    f"{_BROWSER}:account:reauthenticate": PEOPLE,
    f"{_BROWSER}:account:change_password": PEOPLE,
    f"{_BROWSER}:mfa:authenticate": EVERYBODY,  # the second step of signing in
    f"{_BROWSER}:mfa:authenticate_webauthn": EVERYBODY,
    f"{_BROWSER}:mfa:login_webauthn": EVERYBODY,
    f"{_BROWSER}:mfa:reauthenticate": PEOPLE,
    f"{_BROWSER}:mfa:reauthenticate_webauthn": PEOPLE,
    f"{_BROWSER}:mfa:authenticators": PEOPLE,
    f"{_BROWSER}:mfa:manage_totp": PEOPLE,
    f"{_BROWSER}:mfa:manage_recovery_codes": PEOPLE,
    f"{_BROWSER}:mfa:manage_webauthn": PEOPLE,
    f"{_BROWSER}:usersessions:sessions": PEOPLE,
    f"{_BROWSER}:socialaccount:redirect_to_provider": EVERYBODY,
    f"{_BROWSER}:socialaccount:manage_providers": PEOPLE,
    "openid_connect_callback": EVERYBODY,  # where the provider sends the browser back to
}
"""By URL name."""
