"""Notices that rights, sessions, tokens or the configuration have changed, and brings every open socket in line.

Twice a second, and before a subscription is refused, it looks at two version numbers; once a second, whether the
sessions, tokens and accounts behind the open sockets are still what they were. A hint on the bus makes it look at once. A
socket whose credential or rights may have changed is judged again from its handshake, by the same function that let it
in: it ends, or its subscriptions are cut to what is left. Sockets of one credential are judged once.

While the database cannot be asked, nothing can be taken away either; but after a while nobody knows any more who may
see what, and the sockets are closed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from django.db import Error as DatabaseError

from sealbus.web.trends.entry import Credential, Denied, enter
from sealbus.web.trends.guests import CloseCode
from sealbus.web.trends.queries import Look, load_catalog, look, witnesses

if TYPE_CHECKING:
    from sealbus.web.trends.desk import Desk
    from sealbus.web.trends.entry import Entered
    from sealbus.web.trends.guests import Guest, Guests
    from sealbus.web.trends.hub import LiveHub
    from sealbus.web.trends.limits import LiveLimits

__all__ = ["Watch"]

_ANSWER_S = 5.0
_BLIND_S = 10.0
"""For so long sockets stay open although nobody can be asked."""

_log = logging.getLogger(__name__)


class Watch:
    """Run `run`; `hint` makes it look now."""

    def __init__(self, hub: LiveHub, guests: Guests, desk: Desk, limits: LiveLimits) -> None:
        self._hub = hub
        self._guests = guests
        self._desk = desk
        self._limits = limits
        self._hinted = asyncio.Event()
        self._turns = asyncio.Lock()
        self._began_at = float("-inf")
        self._seen: Look | None = None
        self._looked_at = self._accounts_at = time.monotonic()

    def hint(self) -> None:
        """Something has changed."""
        self._hinted.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.look_now()
            try:
                async with asyncio.timeout(self._limits.rights_every_s):
                    await self._hinted.wait()
            except TimeoutError:
                pass
            self._hinted.clear()

    async def look_now(self) -> None:
        """Look, unless somebody has begun to since this was asked for. Who comes when many ask waits for one look."""
        asked_at = time.monotonic()
        async with self._turns:
            if self._began_at >= asked_at:
                return
            self._began_at = time.monotonic()
            try:
                await self._look()
                self._looked_at = time.monotonic()
            except (DatabaseError, TimeoutError) as error:
                _log.warning("the database cannot be asked who may see what: %s", type(error).__name__)
                self._close_when_blind()

    async def _look(self) -> None:
        seen = await self._desk.ask(_ANSWER_S, look)
        if self._seen is None or seen.plan != self._seen.plan:
            self._hub.take_catalog(await self._desk.ask(_ANSWER_S, load_catalog))
            for guest in self._guests:
                guest.conversation.review(guest.entered.subject.rights)
        self._seen = seen
        now = time.monotonic()
        if len(self._guests) and now - self._accounts_at >= self._limits.accounts_every_s:
            self._accounts_at = now
            await self._look_at_accounts()
        await self._judge_again([each for each in self._guests if each.entered.rights_version != seen.rights])

    async def _look_at_accounts(self) -> None:
        found = await self._desk.ask(_ANSWER_S, witnesses, {each.entered.credential for each in self._guests})
        changed = []
        for guest in self._guests:
            witness = found.get(guest.entered.credential)
            if witness is None:  # came in since
                continue
            if guest.witness != witness or guest.entered.credential.user_id is None:
                changed.append(guest)
            guest.witness = witness
        await self._judge_again(changed)

    async def _judge_again(self, guests: list[Guest]) -> None:
        judged: dict[Credential, Entered | Denied] = {}
        for guest in guests:
            credential = guest.entered.credential
            if credential not in judged:
                judged[credential] = await self._desk.ask(_ANSWER_S, enter, guest.scope)
            self._bring_in_line(guest, judged[credential])

    def _bring_in_line(self, guest: Guest, outcome: Entered | Denied) -> None:
        if isinstance(outcome, Denied):
            guest.end(CloseCode.NO_RIGHT if outcome.subject.is_signed_in else CloseCode.SIGNED_OUT)
        elif outcome.credential != guest.entered.credential:
            guest.end(CloseCode.SIGNED_OUT)  # the cookie is somebody else's by now
        else:
            rights_are_others = outcome.subject.rights != guest.entered.subject.rights
            guest.entered = outcome
            if rights_are_others:
                guest.conversation.review(outcome.subject.rights)

    def _close_when_blind(self) -> None:
        if time.monotonic() - self._looked_at > _BLIND_S:
            for guest in self._guests:
                guest.end(CloseCode.COME_AGAIN)
