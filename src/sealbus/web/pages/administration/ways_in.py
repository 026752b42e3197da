"""What is open now: the tokens and the sessions of everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.web.accounts import services
from sealbus.web.accounts.models import ApiToken
from sealbus.web.accounts.queries import open_sessions
from sealbus.web.pages.administration.page import Act, ActPage, AdminPage, url_done
from sealbus.web.pages.paging import paged

if TYPE_CHECKING:
    from allauth.usersessions.models import UserSession
    from django.db.models import QuerySet
    from django.http import HttpRequest

__all__ = ["EndSessionPage", "RevokeTokenPage", "SessionsPage", "TokensPage"]

_STATES = {
    "": gettext_lazy("Valid"),
    "never": gettext_lazy("Valid, never used"),
    "expired": gettext_lazy("Expired"),
    "revoked": gettext_lazy("Revoked"),
    "all": gettext_lazy("All tokens"),
}


class TokensPage(AdminPage):
    """Tokens of programs."""

    template = "pages/administration/tokens.html"
    title = gettext_lazy("Tokens")
    tab = "tokens"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        """Three statements."""
        text, state = request.GET.get("q", "").strip()[:100], request.GET.get("state", "")
        rows = ApiToken.objects.visible_to(self.subject).select_related("user").prefetch_related("groups")
        if text:
            rows = rows.filter(Q(name__icontains=text) | Q(user__username__icontains=text))
        now = timezone.now()
        valid = Q(revoked_at=None, expiry__gt=now, user__is_active=True)
        narrowed = {
            "": valid, "never": valid & Q(last_used_at=None), "revoked": Q(revoked_at__isnull=False),
            "expired": Q(revoked_at=None, expiry__lte=now),
        }  # fmt: skip
        if state in narrowed:
            rows = rows.filter(narrowed[state])
        tokens = paged(request, rows.order_by("user__username", "name", "-pk"))
        return {"tokens": tokens, "q": text, "state": state, "states": _STATES.items(), "now": now}


class SessionsPage(AdminPage):
    """Who is signed in, where and since when."""

    template = "pages/administration/sessions.html"
    title = gettext_lazy("Sessions")
    tab = "sessions"

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        """Two statements."""
        text = request.GET.get("q", "").strip()[:100]
        rows = open_sessions(self.subject)
        if text:
            rows = rows.filter(Q(user__username__icontains=text) | Q(user__name__icontains=text))
        return {"sessions": paged(request, rows), "q": text, "own_key": request.session.session_key}


class RevokeTokenPage(ActPage):
    """A program stops."""

    tab = "tokens"

    def rows(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = ApiToken.objects.visible_to(self.subject).select_related("user")
        return rows

    def explain(self, row: ApiToken) -> Act:
        effects: list[object] = [
            _("Programs that use this token are refused at once, and their live connections end."),
            _("It cannot be taken back: the owner makes a new token instead."),
        ]
        if row.last_used_at is not None:
            local = timezone.localtime(row.last_used_at).strftime("%Y-%m-%d %H:%M")
            words = {"time": local, "address": row.last_used_from}
            effects.insert(0, _("It was last used at %(time)s from %(address)s.") % words)
        heading = _("Revoke the token “%(name)s”") % {"name": row.full_name}
        return Act(heading, effects, _("Revoke"), url_done("", "admin-tokens"))

    def do(self, row: ApiToken) -> str:
        services.revoke_token(subject=self.subject, token=row)
        return url_done("revoked", "admin-tokens")


class EndSessionPage(ActPage):
    """One browser is signed out."""

    tab = "sessions"

    def rows(self) -> QuerySet[UserSession]:
        return open_sessions(self.subject)

    def explain(self, row: UserSession) -> Act:
        words = {"name": row.user.get_username(), "address": row.ip}
        effects: list[object] = [
            _("%(name)s is signed out in this browser at once; what is typed there and not saved is lost.") % words,
            _("Other sessions, and tokens, stay. If a stranger may have the account, end all on the person's page."),
        ]
        heading = _("End the session of %(name)s at %(address)s") % words
        return Act(heading, effects, _("End the session"), url_done("", "admin-sessions"))

    def do(self, row: UserSession) -> str:
        services.end_session(subject=self.subject, session=row)
        own = row.session_key == self.request.session.session_key
        return "/" if own else url_done("ended", "admin-sessions")
