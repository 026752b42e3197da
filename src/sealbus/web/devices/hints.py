"""Tells whoever listens in this process that something changed, once it is stored: the hint on the bus is sent from
there. A hint may be lost; the version numbers in the database are what counts.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.dispatch import Signal

from sealbus.web.access.models import Version

__all__ = ["announce", "changed"]

changed = Signal()
"""Sent with `topic`, "plan" or "order", after the commit."""


def announce(topic: str) -> None:
    """Count the version up, within the transaction, and say so after it. Whoever changes the plan waits here for others
    who do: one change of the configuration passes at a time.
    """
    Version.bump(topic)
    transaction.on_commit(partial(changed.send_robust, sender=None, topic=topic))
