"""The database does not answer: one line of the log at once and then once a minute, whoever notices it.

Requests, sockets and tasks of a process notice it many times a second. All of them share the lines of this module.
"""

from __future__ import annotations

import logging

from sealbus.outage_log import OutageLog

__all__ = ["database_reason", "log_database_outage"]

_OUTAGE = OutageLog(logging.getLogger("sealbus.web.database"))
_MAX_REASON = 300


def database_reason(error: BaseException) -> str:
    """Why the database does not answer: the first line of its driver. An error without words is a deadline of ours."""
    lines = str(error).splitlines()
    return lines[0][:_MAX_REASON] if lines else "no answer in time"


def log_database_outage(error: BaseException, consequence: str) -> None:
    """Log the outage unless its reason was logged within a minute. `consequence`: what does not work now."""
    reason = database_reason(error)
    _OUTAGE.failed(f"the database does not answer: {reason}; {consequence}", reason)
