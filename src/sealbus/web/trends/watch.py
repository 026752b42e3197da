"""Detects changes of rights, sessions, tokens and configuration, and applies them to every open socket.

Twice a second, and before a subscription is refused, it reads two version numbers; once a second, the state of the
sessions, tokens and accounts behind the open sockets. A hint on the bus makes it read at once. A socket whose credential
or rights may have changed is checked again like at its handshake, by the function that admitted it: it is closed, or its
subscriptions are reduced to visible tags. Sockets of one credential are checked once.

While the database does not answer, no right can be taken away. So after `_MAX_UNCHECKED_S` seconds all sockets are closed:
it is unknown which rights are still valid.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from django.db import Error as DatabaseError

from sealbus.web.coordination.outages import log_database_outage
from sealbus.web.trends.handshake import Credential, Denied, admit
from sealbus.web.trends.live_clients import CloseCode
from sealbus.web.trends.queries import LiveVersions, credential_states, load_catalog, read_versions

if TYPE_CHECKING:
    from sealbus.web.trends.handshake import AdmittedCaller
    from sealbus.web.trends.hub import LiveHub
    from sealbus.web.trends.limits import LiveLimits
    from sealbus.web.trends.live_clients import LiveClient, LiveClients
    from sealbus.web.trends.query_threads import QueryThreads

__all__ = ["RightsWatch"]

_ANSWER_S = 5.0
_MAX_UNCHECKED_S = 10.0
"""How long sockets stay open while rights cannot be checked."""


class RightsWatch:
    """Run `run`; `hint` makes it check now."""

    def __init__(self, hub: LiveHub, clients: LiveClients, threads: QueryThreads, limits: LiveLimits) -> None:
        self._hub = hub
        self._clients = clients
        self._threads = threads
        self._limits = limits
        self._hinted = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._began_at = float("-inf")
        self._seen: LiveVersions | None = None
        self._checked_at = self._accounts_at = time.monotonic()

    def hint(self) -> None:
        """A version number may have grown."""
        self._hinted.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.check_now()
            try:
                async with asyncio.timeout(self._limits.rights_every_s):
                    await self._hinted.wait()
            except TimeoutError:
                pass
            self._hinted.clear()

    async def check_now(self) -> None:
        """Check, unless a check has begun since this was called: many callers at the same time share one check."""
        called_at = time.monotonic()
        async with self._one_at_a_time:
            if self._began_at >= called_at:
                return
            self._began_at = time.monotonic()
            try:
                await self._check()
                self._checked_at = time.monotonic()
            except (DatabaseError, TimeoutError) as error:
                log_database_outage(error, "the rights of open sockets cannot be checked")
                self._close_if_unchecked()

    async def _check(self) -> None:
        seen = await self._threads.run(_ANSWER_S, read_versions)
        if self._seen is None or seen.plan != self._seen.plan:
            self._hub.take_catalog(await self._threads.run(_ANSWER_S, load_catalog))
            for client in self._clients:
                client.subscriptions.review(client.admitted.subject.rights)
        self._seen = seen
        now = time.monotonic()
        if len(self._clients) and now - self._accounts_at >= self._limits.accounts_every_s:
            self._accounts_at = now
            await self._check_accounts()
        await self._judge_again([each for each in self._clients if each.admitted.rights_version != seen.rights])

    async def _check_accounts(self) -> None:
        found = await self._threads.run(
            _ANSWER_S, credential_states, {each.admitted.credential for each in self._clients}
        )
        changed = []
        for client in self._clients:
            credential_state = found.get(client.admitted.credential)
            if credential_state is None:  # opened since
                continue
            if client.credential_state != credential_state or client.admitted.credential.user_id is None:
                changed.append(client)
            client.credential_state = credential_state
        await self._judge_again(changed)

    async def _judge_again(self, clients: list[LiveClient]) -> None:
        judged: dict[Credential, AdmittedCaller | Denied] = {}
        for client in clients:
            credential = client.admitted.credential
            if credential not in judged:
                judged[credential] = await self._threads.run(_ANSWER_S, admit, client.scope)
            self._apply(client, judged[credential])

    def _apply(self, client: LiveClient, outcome: AdmittedCaller | Denied) -> None:
        if isinstance(outcome, Denied):
            client.end(CloseCode.NO_RIGHT if outcome.subject.is_signed_in else CloseCode.SIGNED_OUT)
        elif outcome.credential != client.admitted.credential:
            client.end(CloseCode.SIGNED_OUT)  # the same cookie is another user's session now
        else:
            rights_differ = outcome.subject.rights != client.admitted.subject.rights
            client.admitted = outcome
            if rights_differ:
                client.subscriptions.review(outcome.subject.rights)

    def _close_if_unchecked(self) -> None:
        if time.monotonic() - self._checked_at > _MAX_UNCHECKED_S:
            for client in self._clients:
                client.end(CloseCode.COME_AGAIN)
