"""How many lines of the log strangers can cause.

Django and uvicorn log each request that they refuse, and a stranger can send such requests all day. Each logger has an
allowance for each level; lines above it are left out, and the next line that passes says how many.
"""

from __future__ import annotations

import logging
import time

from sealbus.token_bucket import TokenBucket

__all__ = ["LogAllowance", "bound_log"]

_RATE_PER_S, _BURST = 1.0, 100.0


class LogAllowance(logging.Filter):
    """A filter for the handlers of a process."""

    def __init__(self, rate_per_s: float = _RATE_PER_S, burst: float = _BURST) -> None:
        super().__init__()
        self._rate_per_s, self._burst = rate_per_s, burst
        self._allowances: dict[tuple[str, int], TokenBucket] = {}
        self._left_out: dict[tuple[str, int], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line passes. One that follows lines that did not says so."""
        key = (record.name, record.levelno)
        allowance = self._allowances.get(key)
        if allowance is None:
            allowance = self._allowances[key] = TokenBucket(self._rate_per_s, self._burst)
        if not allowance.take(time.monotonic()):
            self._left_out[key] = self._left_out.get(key, 0) + 1
            return False
        left_out = self._left_out.pop(key, 0)
        if left_out:
            record.msg = f"{record.getMessage()} ({left_out} lines before it were left out: too many)"
            record.args = ()
        return True


def bound_log() -> None:
    """Give the log of this process the allowance. Once for a process."""
    allowance = LogAllowance()
    for handler in logging.getLogger().handlers:
        handler.addFilter(allowance)
