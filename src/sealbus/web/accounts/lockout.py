"""Too many wrong passwords: counted for each account and each address, in the cache that all processes share.

django-allauth counts. Added here: the key does not depend on anything that the caller can choose (the library's contains
the Host header with its port), and the answer names the time to wait.
"""

from __future__ import annotations

import math
import time
import unicodedata
from http import HTTPStatus
from typing import TYPE_CHECKING

from allauth.core.internal.httpkit import is_headless_request
from allauth.core.internal.ratelimit import get_cache_key, get_rates
from allauth.headless.base.response import RateLimitResponse
from django.core.cache import cache

from sealbus.web.http.problems import problem

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

__all__ = ["LOCKED_S", "account_key", "locked_answer", "seconds_locked"]

_APP, _ACTION = "allauth.account", "login_failed"
LOCKED_S = 300
"""The window of failed attempts on one account, as in ACCOUNT_RATE_LIMITS."""


def account_key(username: str) -> str:
    """One key for all spellings that a database could treat as the same name."""
    return "login:" + unicodedata.normalize("NFKC", username).strip().upper().lower()


def seconds_locked(request: HttpRequest, key: str) -> int:
    """How long attempts on this key, or from this address, are refused; 0 if they are not."""
    now, longest = time.time(), 0.0
    for rate in get_rates(app=_APP, action=_ACTION):
        history = cache.get(get_cache_key(request, app=_APP, action=_ACTION, rate=rate, key=key), [])
        live = [moment for moment in history if moment > now - rate.duration]
        if len(live) >= rate.amount:
            longest = max(longest, min(live) + rate.duration - now)
    return math.ceil(longest)


def locked_answer(request: HttpRequest, wait_s: int) -> HttpResponse:
    """429, the same for accounts that exist and those that do not."""
    answer: HttpResponse = (
        RateLimitResponse(request)
        if is_headless_request(request)
        else problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", "Too many failed attempts: try again later")
    )
    answer.headers["Retry-After"] = str(max(1, wait_s))
    return answer
