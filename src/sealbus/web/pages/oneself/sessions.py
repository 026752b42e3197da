"""Where I am signed in, and how to end it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from allauth.usersessions.internal.flows.sessions import end_other_sessions, end_sessions
from django.urls import reverse
from django.utils.translation import gettext_lazy

from sealbus.web.access.requirement import PEOPLE
from sealbus.web.accounts.models import User
from sealbus.web.accounts.queries import valid_sessions_of
from sealbus.web.errors import NotFound
from sealbus.web.pages.administration.wording import browser_text
from sealbus.web.pages.oneself.account import DONE
from sealbus.web.pages.shell.page import Page, redirect_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from sealbus.web.access.requirement import Requirement

__all__ = ["OwnSessionsPage"]

_MAX_SHOWN = 100


class OwnSessionsPage(Page):
    """All sessions of oneself. POST ends one (`end`: its id), or all others (`end`: others)."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": PEOPLE, "POST": PEOPLE}
    template = "pages/oneself/sessions.html"
    title = gettext_lazy("Sessions")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        rows = list(valid_sessions_of(self.subject.user_id or 0)[:_MAX_SHOWN])
        own = request.session.session_key
        return {
            "rows": [
                {"row": each, "device": browser_text(each.user_agent), "is_own": each.session_key == own}
                for each in rows
            ],
            "has_others": any(each.session_key != own for each in rows),
            "done": DONE.get(request.GET.get("done", ""), ""),
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """End what was chosen."""
        wanted = request.POST.get("end", "")
        if wanted == "others":
            end_other_sessions(request, User.objects.get(pk=self.subject.user_id or 0))
            return redirect_to(request, f"{reverse('usersessions_list')}?done=sessions-ended")
        if not re.fullmatch("[0-9]{1,18}", wanted):
            raise NotFound
        session = valid_sessions_of(self.subject.user_id or 0).filter(pk=int(wanted)).first()
        if session is None:
            raise NotFound
        end_sessions(request, [session])
        return redirect_to(request, f"{reverse('usersessions_list')}?done=session-ended")
