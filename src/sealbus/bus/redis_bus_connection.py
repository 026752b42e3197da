"""The bus of several machines: Redis or Valkey, with PUBLISH and SUBSCRIBE.

One task connects, transfers messages, and reconnects: first soon, then at most every two seconds, with random delays so
that processes do not reconnect at the same moment. While the server is down nothing is queued for it: published
messages are dropped and counted. After a reconnect the task subscribes again before it reports the connection as up. A
server that is down does not stop the start. A server that must not be used (it accepts anyone, or refuses our login)
stops the start; if that happens later, it is not used and `problem` has the reason.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from redis.exceptions import AuthenticationError

from sealbus.bus.bus_state import Connectivity
from sealbus.bus.redis_connection import connect, explain, login_refused, no_answer, refuse_open_server
from sealbus.bus.redis_session import Outgoing, RedisSession, reply_channel, request_channel, topic_channel
from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from sealbus.bus.bus_connection import Receiver
    from sealbus.bus.bus_state import Counters
    from sealbus.bus.bus_url import BusUrl

__all__ = ["RedisBusConnection"]

_FIRST_TRY_S = 3.0
_SHORTEST_WAIT_S = 0.1
_MAX_WAIT_S = 2.0
_CANCEL_AGAIN_S = 1.0


class RedisBusConnection:
    """A process on a Redis bus."""

    def __init__(self, url: BusUrl, sender: int, *, receiver: Receiver, counters: Counters) -> None:
        self.connectivity = Connectivity(counters)
        self._url = url
        self._receiver = receiver
        self._counters = counters
        self._channels = {reply_channel(sender)}
        self._session: RedisSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._wait_s = _SHORTEST_WAIT_S
        self._is_closing = False

    async def open(self) -> None:
        """Try to connect for a moment. Raises ConfigError for a server that must not be used."""
        first_try: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(first_try), name="redis link")
        try:
            async with asyncio.timeout(_FIRST_TRY_S):
                await asyncio.shield(first_try)
        except TimeoutError:
            self.connectivity.went_down(no_answer(self._url))

    async def _run(self, first_try: asyncio.Future[None]) -> None:
        while not self._is_closing:
            try:
                await self._connect_and_carry(first_try)
            except ConfigError as error:
                if not first_try.done():
                    first_try.set_exception(error)
                    return
                self._went_down(str(error))
            except Exception as error:  # noqa: BLE001
                self._went_down(explain(self._url, error))
            if not first_try.done():
                first_try.set_result(None)
            await asyncio.sleep(self._wait_s * (0.5 + 0.5 * random.random()))  # noqa: S311  only to spread retries
            self._wait_s = min(self._wait_s * 2, _MAX_WAIT_S)

    async def _connect_and_carry(self, first_try: asyncio.Future[None]) -> None:
        await refuse_open_server(self._url)
        subscriber = await connect(self._url)
        try:
            publisher = await connect(self._url)
            try:
                session = RedisSession(subscriber, publisher, receiver=self._receiver, counters=self._counters)
                try:
                    await session.begin(self._channels)
                except AuthenticationError as error:  # a URL without a password: the first command is refused
                    raise login_refused(self._url, error) from None
                await self._carry(session, first_try)
            finally:
                await publisher.disconnect(nowait=True)
        finally:
            await subscriber.disconnect(nowait=True)

    async def _carry(self, session: RedisSession, first_try: asyncio.Future[None]) -> None:
        self._session = session
        session.set_channels(self._channels)  # channels that changed while it began
        self.connectivity.came_up()
        if not first_try.done():
            first_try.set_result(None)
        begun = asyncio.get_running_loop().time()
        try:
            await session.run()
        finally:
            if asyncio.get_running_loop().time() - begun > _MAX_WAIT_S:
                self._wait_s = _SHORTEST_WAIT_S  # an unstable server is tried at growing intervals
            self._session = None
            session.close()

    def _went_down(self, problem: str) -> None:
        if self.connectivity.connected:
            self._receiver.on_down(problem)
        self.connectivity.went_down(problem)

    def publish(self, topic: str, frame: bytes) -> bool:
        """False while the server is down."""
        return self._put(Outgoing(topic_channel(topic), frame))

    def send_request(self, topic: str, frame: bytes) -> bool:
        """False while the server is down."""
        return self._put(Outgoing(request_channel(topic), frame, request_on=topic))

    def send_reply(self, sender: int, frame: bytes) -> bool:
        """False while the server is down."""
        return self._put(Outgoing(reply_channel(sender), frame))

    def _put(self, outgoing: Outgoing) -> bool:
        if self._session is None:
            return False
        self._session.put(outgoing)
        return True

    def subscribe(self, topic: str) -> None:
        self._channels.add(topic_channel(topic))
        self._update_channels()

    def unsubscribe(self, topic: str) -> None:
        self._channels.discard(topic_channel(topic))
        self._update_channels()

    def serve(self, topic: str) -> None:
        self._channels.add(request_channel(topic))
        self._update_channels()

    def _update_channels(self) -> None:
        if self._session is not None:
            self._session.set_channels(self._channels)

    async def close(self) -> None:
        """Disconnect. Cancels again because a task group in which something fails at the same moment swallows a
        cancellation before Python 3.13.
        """
        self._is_closing = True
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_CANCEL_AGAIN_S)
        self.connectivity.stopped("it is closed")
