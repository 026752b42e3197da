"""Too many wrong passwords: whose they were counts, and where they came from, in the cache that all processes share.

The counting is django-allauth's. What is ours: whose allowance it is does not depend on anything that the caller may
choose freely (the library takes in the Host header with its port), and the answer says how long it lasts.
"""

from __future__ import annotations

import math
import time
import unicodedata
from typing import TYPE_CHECKING

from allauth.core.internal.ratelimit import get_cache_key, get_rates
from allauth.headless.base.response import RateLimitResponse
from django.core.cache import cache

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

__all__ = ["LOCKED_S", "account_key", "locked_answer", "seconds_locked"]

_APP, _ACTION = "allauth.account", "login_failed"
LOCKED_S = 300
"""The window of failed attempts on one account, as ACCOUNT_RATE_LIMITS has it."""


def account_key(username: str) -> str:
    """One key for all spellings that a database might take for the same name."""
    return "login:" + unicodedata.normalize("NFKC", username).strip().upper().lower()


def seconds_locked(request: HttpRequest, key: str) -> int:
    """How long attempts on this key, or from this address, are refused from now on; 0 where they are not."""
    now, longest = time.time(), 0.0
    for rate in get_rates(app=_APP, action=_ACTION):
        history = cache.get(get_cache_key(request, app=_APP, action=_ACTION, rate=rate, key=key), [])
        live = [moment for moment in history if moment > now - rate.duration]
        if len(live) >= rate.amount:
            longest = max(longest, min(live) + rate.duration - now)
    return math.ceil(longest)


def locked_answer(request: HttpRequest, wait_s: int) -> HttpResponse:
    """429, the same for those who exist and those who do not."""
    answer: HttpResponse = RateLimitResponse(request)
    answer.headers["Retry-After"] = str(max(1, wait_s))
    return answer
