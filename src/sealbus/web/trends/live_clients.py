"""The open sockets of this process, bounded in all and for each person. The tokens of a person count as the person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from sealbus.web.trends.client_subscriptions import ClientSubscriptions
    from sealbus.web.trends.handshake import AdmittedCaller

__all__ = ["CloseCode", "LiveClient", "LiveClients"]

_MAX = 1_000
_MAX_OF_ONE = 100


class CloseCode(IntEnum):
    """Why a socket is closed (RFC 6455, 7.4; those from 4000 on are ours)."""

    NOT_TEXT = 1003
    AGAINST_THE_RULES = 1008
    TOO_BIG = 1009
    COME_AGAIN = 1013
    SIGNED_OUT = 4401
    NO_RIGHT = 4403


@dataclass(slots=True, eq=False)
class LiveClient:
    """One open socket. `ended` is set once, with the code to close it with."""

    scope: Any
    admitted: AdmittedCaller
    subscriptions: ClientSubscriptions
    ended: asyncio.Future[CloseCode]
    credential_state: object = None
    """The last value from `queries.credential_states`."""

    def end(self, code: CloseCode) -> None:
        """Have the socket closed; the first code counts."""
        if not self.ended.done():
            self.ended.set_result(code)


class LiveClients:
    """All open sockets."""

    def __init__(self, most: int = _MAX, most_of_one: int = _MAX_OF_ONE) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._all: set[LiveClient] = set()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[LiveClient]:
        return iter(list(self._all))

    def has_room_for(self, admitted: AdmittedCaller) -> bool:
        """Whether one more of this person fits."""
        person = admitted.credential.user_id
        of_person = sum(each.admitted.credential.user_id == person for each in self._all)
        return len(self._all) < self._most and of_person < self._most_of_one

    def add(self, client: LiveClient) -> None:
        """Count an open socket."""
        self._all.add(client)

    def remove(self, client: LiveClient) -> None:
        """Drop a closed socket and its subscriptions."""
        self._all.discard(client)
        client.subscriptions.leave()
