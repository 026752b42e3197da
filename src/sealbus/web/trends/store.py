"""The history store of this process: opened at first use, read only.

The rules (how long a value of a tag holds, in which time zone a day begins) are configuration. They are read again when
the plan has changed, at most every two seconds.
"""

from __future__ import annotations

import threading
import time

from django.conf import settings

from sealbus.history import History, HistoryRules, open_history
from sealbus.web.devices.queries import plan_version, retention_classes, retention_of_tags

__all__ = ["history"]

_CHECK_EVERY_S = 2.0


class _Opened:
    lock = threading.Lock()
    history: History | None = None
    version = -1
    checked_at = float("-inf")


def history() -> History:
    """The store. May read the database; opening does not connect to the store."""
    with _Opened.lock:
        now = time.monotonic()
        if _Opened.history is None or now - _Opened.checked_at >= _CHECK_EVERY_S:
            _Opened.checked_at = now
            version = plan_version()
            if _Opened.history is None or version != _Opened.version:
                _Opened.version = version
                _Opened.history = _with_rules(_Opened.history, _rules())
        return _Opened.history


def _with_rules(opened: History | None, rules: HistoryRules) -> History:
    if opened is None:
        site = settings.SEALBUS  # type: ignore[misc]  # ours
        return open_history(site.history, rules=rules, read_only=True)
    opened.set_rules(rules)
    return opened


def _rules() -> HistoryRules:
    site = settings.SEALBUS  # type: ignore[misc]  # ours
    classes = retention_classes()
    if not classes:
        return HistoryRules(zone=site.time_zone)
    return HistoryRules(zone=site.time_zone, classes=classes, class_of=retention_of_tags())
