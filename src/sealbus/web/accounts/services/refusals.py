"""How refusals get into the audit: all are counted there, but repeated requests cannot fill it.

The first refusal of a caller within a minute is recorded at once, with what was requested. Further ones only raise a
number in the database, by one short statement each, which survives the process. When the minute is over, the next
refusal of any caller writes the number into the audit. A caller is an account or a token together with the route; a
caller that has not signed in is an address (for IPv6 its network of 64 bits), for all its requests.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import F

from sealbus.endpoints import address_group
from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.accounts.models import RefusalTally
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, append

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["flush_refusals", "record_refusal"]

_MINUTE_S = 60
_MAX_AT_ONCE = 200


def record_refusal(*, actor: Actor, action: str, detail: Mapping[str, str]) -> None:
    """Record a refusal, or count it if the same caller was recorded within this minute."""
    minute = int(time.time()) // _MINUTE_S
    key = _key(actor, action, detail)
    if RefusalTally.objects.filter(key=key, minute=minute).update(count=F("count") + 1):
        return
    flush_refusals()
    try:
        with transaction.atomic():
            RefusalTally.objects.create(
                key=key,
                minute=minute,
                actor_kind=actor.kind.value,
                actor_id=actor.id,
                actor_name=actor.name[:200],
                address=actor.address[:64],
                action=action,
            )
            append(Event(actor, action, result=Result.REFUSED, detail=detail))
    except IntegrityError:  # another process recorded the same caller at the same moment
        RefusalTally.objects.filter(key=key, minute=minute).update(count=F("count") + 1)


def flush_refusals() -> int:
    """Write the numbers of past minutes into the audit. Returns the number of entries written."""
    written = 0
    minute = int(time.time()) // _MINUTE_S
    with transaction.atomic():
        over = RefusalTally.objects.select_for_update().filter(minute__lt=minute)
        for tally in list(over.order_by("minute", "pk")[:_MAX_AT_ONCE]):
            if tally.count:
                append(_summary(tally))
                written += 1
            tally.delete()
    return written


def _summary(tally: RefusalTally) -> Event:
    since = datetime.fromtimestamp(tally.minute * _MINUTE_S, UTC).isoformat()
    actor = Actor(ActorKind(tally.actor_kind), tally.actor_id, tally.actor_name, tally.address)
    return Event(actor, tally.action, result=Result.REFUSED, detail={"more": tally.count, "minute": since})


def _key(actor: Actor, action: str, detail: Mapping[str, str]) -> str:
    if actor.kind is ActorKind.NOBODY:
        who = f"nobody {address_group(actor.address)} {action}"
    else:
        request = " ".join(detail.get(name, "") for name in ("method", "route", "action"))
        who = f"{actor.kind} {actor.id} {actor.name} {action} {request}"
    return hashlib.sha256(who.encode("utf-8", "replace")).hexdigest()
