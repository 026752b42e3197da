"""The requirements of the views of django-allauth. A view that is not in this table is closed.

Closed on purpose: creating an account, everything by mail or phone (accounts are not identified by addresses), login
codes, trusted browsers, and tokens of an identity provider sent by a script. A view that is open to everybody is a step
of signing in and checks the earlier steps itself. The library's pages are subclassed in `pages`, and declare theirs there.
"""

from __future__ import annotations

from sealbus.web.access.requirement import EVERYBODY, PEOPLE

__all__ = ["REQUIREMENTS"]

_BROWSER = "headless:browser"

REQUIREMENTS = {
    f"{_BROWSER}:config": EVERYBODY,
    f"{_BROWSER}:account:current_session": EVERYBODY,  # the own session, and sign out
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
    "openid_connect_callback": EVERYBODY,  # the callback of the provider
}
"""By URL name."""
