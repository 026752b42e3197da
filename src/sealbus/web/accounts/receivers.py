"""Receivers of the signals of django-allauth and of the gate: they record signing in and refusals in the audit.

A second factor that is used within a session changes what the session may do, so the session gets a new id then, as it
does at login: an attacker who knew the old id cannot use it. Everything that ends a session or changes its rights bumps
the version of the rights, so that open sockets are checked again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from sealbus.web.access.subject import Actor, ActorKind, Subject
from sealbus.web.accounts.middleware import address_of
from sealbus.web.accounts.models import User
from sealbus.web.accounts.services import end_password_links, forget_credential, keep_credential, record_refusal
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.coordination.versions import bump_version

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = [
    "on_authenticator_deleted",
    "on_authenticator_saved",
    "on_logged_in",
    "on_logged_out",
    "on_password_changed",
    "on_refused",
    "on_second_factor_changed",
    "on_second_factor_failed",
    "on_second_factor_used",
    "on_social_account_changed",
    "session_ended",
]


_REFUSAL_MEMBERS = ("method", "path", "route", "action")
_MAX_MEMBER = 500


def on_refused(sender: Any, *, subject: Subject, verdict: Any, **sent: Any) -> None:
    """The gate or a service has refused a caller."""
    detail = {name: str(sent[name])[:_MAX_MEMBER] for name in _REFUSAL_MEMBERS if name in sent}
    detail["reason"] = str(verdict)
    record_refusal(actor=subject.actor, action="access.refused", detail=detail)


def on_logged_in(sender: Any, *, request: HttpRequest, user: User, **_: Any) -> None:
    """Signed in, all steps done."""
    methods = [_method(record) for record in request.session.get("account_authentication_methods", [])]
    _append(request, user, "session.login", detail={"by": methods})
    _delete_expired_sessions()


def _delete_expired_sessions() -> None:
    """Delete expired sessions: nothing else does, and each login adds one. They are not valid any more in any case."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    long_ago = UserSession.objects.filter(last_seen_at__lt=now - timedelta(seconds=settings.SESSION_COOKIE_AGE))
    long_ago.exclude(session_key__in=Session.objects.values("session_key")).delete()


def on_logged_out(sender: Any, *, request: HttpRequest, user: User | None, **_: Any) -> None:
    """Signed out by the user."""
    if isinstance(user, User):
        UserSession.objects.filter(session_key=request.session.session_key).delete()
        session_ended(_actor(request, user), user, action="session.logout")


def session_ended(actor: Actor, user: User, action: str = "session.end") -> None:
    """Record the end of a session."""
    with transaction.atomic():
        bump_version("rights")
        append(Event(actor, action, Target("user", user.pk, user.username)))


def on_password_changed(sender: Any, *, request: HttpRequest, user: User, **_: Any) -> None:
    """Changed by the user. The session that did it continues with a new id; all others end, and password links too.

    The user's tokens stay: they do not depend on the password, and programs would stop at each routine change.
    """
    _end_other_sessions(request, user)
    UserSession.objects.create_from_request(request)
    with transaction.atomic():
        bump_version("rights")
        # a link of before would set the password that its holder wants over the one that was just chosen
        end_password_links(user)
        _append(request, user, "password.change")


def _end_other_sessions(request: HttpRequest, user: User) -> None:
    for session in UserSession.objects.filter(user=user).exclude(session_key=request.session.session_key):
        session.end()


def on_second_factor_changed(sender: Any, *, signal: Any, request: HttpRequest, user: User, **more: Any) -> None:
    """Added, removed, or its codes renewed. Adding one ends the user's other sessions: in a session that was opened with
    the password alone, the password alone would be enough to remove the factor again.
    """
    from allauth.mfa import signals

    names = {signals.authenticator_added: "add", signals.authenticator_removed: "remove"}
    kind = str(more["authenticator"].type)
    if signal is signals.authenticator_added:
        _end_other_sessions(request, user)
    with transaction.atomic():
        bump_version("rights")
        _append(request, user, f"second-factor.{names.get(signal, 'renew')}", detail={"kind": kind})


def on_second_factor_used(sender: Any, *, request: HttpRequest, user: User, reauthenticated: bool, **more: Any) -> None:
    """Used within a session: its rights are no longer withheld, and it gets a new id. At login, the login does both."""
    if not reauthenticated:
        return
    before = request.session.session_key
    request.session.cycle_key()
    with transaction.atomic():
        UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)
        bump_version("rights")
        _append(request, user, "second-factor.use", detail={"kind": str(more["authenticator"].type)})


def on_second_factor_failed(sender: Any, *, request: HttpRequest, user: User, **more: Any) -> None:
    """A wrong code."""
    _append(request, user, "second-factor.use", Result.FAILED, {"kind": str(more["authenticator"].type)})


def on_authenticator_saved(sender: Any, *, instance: Authenticator, created: bool, **_: Any) -> None:
    """A second factor was stored. Raises Conflict or Invalid for a key that must not be kept."""
    if created and instance.type == Authenticator.Type.WEBAUTHN:
        keep_credential(instance)


def on_authenticator_deleted(sender: Any, *, instance: Authenticator, **_: Any) -> None:
    """A second factor was removed."""
    forget_credential(instance)


def on_social_account_changed(sender: Any, *, signal: Any, request: HttpRequest, **more: Any) -> None:
    """A single sign-on account was connected to a user, or disconnected."""
    from allauth.socialaccount import signals

    login = more.get("sociallogin")
    user = login.user if login is not None else more["socialaccount"].user
    _append(request, user, f"single-sign-on.{'remove' if signal is signals.social_account_removed else 'add'}")


def _append(
    request: HttpRequest, user: User, action: str, result: Result = Result.DONE, detail: dict[str, Any] | None = None
) -> None:
    append(Event(_actor(request, user), action, Target("user", user.pk, user.username), result, detail))


def _actor(request: HttpRequest, user: User) -> Actor:
    return Actor(ActorKind.USER, user.pk, user.username, address_of(request))


def _method(record: dict[str, Any]) -> str:
    kind = record.get("type")
    return f"{record.get('method')}: {kind}" if kind else str(record.get("method"))
