"""The subscriptions of one client, as far as its rights allow, and the messages that are due to it. Uses no socket, clock or
database.

Two tasks of a socket use it: the receiving one calls `answer`, the sending one calls `take_updates`. What is due is
bounded: tags with a newer sample, subscriptions that have ended, and the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.web.trends.followers import Follower
from sealbus.web.trends.messages import (
    MAX_DEVICES,
    MAX_TAGS,
    Ended,
    Ping,
    Pong,
    Problem,
    Refused,
    StateMessage,
    Subscribe,
    Unsubscribe,
    Unsubscribed,
    encode,
    encode_snapshot,
    encode_values,
)

if TYPE_CHECKING:
    from sealbus.web.access.subject import Rights
    from sealbus.web.trends.hub import LiveHub
    from sealbus.web.trends.messages import ClientMessage

__all__ = ["ClientSubscriptions"]


class ClientSubscriptions:
    """One client. `follower.woken` is set when `take_updates` has something."""

    def __init__(self, hub: LiveHub, rights: Rights) -> None:
        self.follower = Follower()
        self.refused = 0
        """The number of tags and devices that were refused."""
        self._hub = hub
        self._rights = rights
        self._tags: set[int] = set()
        self._devices: set[int] = set()
        self._ended_tags: set[int] = set()
        self._ended_devices: set[int] = set()
        self._sent_state: StateMessage | None = None
        hub.followers.follow(self.follower, frozenset())
        self.follower.woken.set()  # the state is due

    def leave(self) -> None:
        """The socket is closed."""
        self._hub.followers.leave(self.follower)

    def names_unknown(self, message: ClientMessage) -> bool:
        """Whether it names a tag or device that the catalog does not show to this client."""
        if not isinstance(message, Subscribe):
            return False
        chosen = self._hub.catalog.choose(self._rights, message.tags, message.devices)
        return bool(chosen.refused_tags or chosen.refused_devices)

    def answer(self, message: ClientMessage) -> list[str]:
        """Handle a message; returns the texts to send at once."""
        match message:
            case Subscribe():
                return self._subscribe(message)
            case Unsubscribe():
                self._tags.difference_update(message.tags)
                self._devices.difference_update(message.devices)
                self._follow()
                return [encode(Unsubscribed(message.id))]
            case Ping():
                return [encode(Pong(message.id))]

    def take_updates(self) -> list[str]:
        """Return the due messages, with the newest sample of each due tag; they are not due any more."""
        self.follower.woken.clear()
        texts = []
        state = StateMessage(self._hub.state.value, self._hub.since_us)
        if state != self._sent_state:
            self._sent_state = state
            texts.append(encode(state))
        if self._ended_tags or self._ended_devices:
            texts.append(encode(Ended(sorted(self._ended_tags), sorted(self._ended_devices))))
            self._ended_tags.clear()
            self._ended_devices.clear()
        if due := self.follower.take_due():
            encoded = self._hub.values.encoded
            texts.append(encode_values([encoded(tag_id) for tag_id in due]))
        return texts

    def review(self, rights: Rights) -> None:
        """Rights or configuration have changed: end what is not visible any more, add new tags of devices."""
        self._rights = rights
        chosen = self._hub.catalog.choose(rights, self._tags, self._devices)
        self._tags.difference_update(chosen.refused_tags)
        self._devices.difference_update(chosen.refused_devices)
        self._ended_tags.update(chosen.refused_tags)
        self._ended_devices.update(chosen.refused_devices)
        before = self.follower.tags
        self._follow()
        self.follower.due |= self.follower.tags - before
        self.follower.woken.set()

    def _subscribe(self, message: Subscribe) -> list[str]:
        catalog, rights = self._hub.catalog, self._rights
        chosen = catalog.choose(rights, message.tags, message.devices)
        devices = set(message.devices).difference(chosen.refused_devices)
        if len(chosen.tags | self.follower.tags) > MAX_TAGS or len(devices | self._devices) > MAX_DEVICES:
            detail = f"at most {MAX_TAGS} tags and {MAX_DEVICES} devices on one socket"
            return [encode(Problem(message.id, "too-many", detail))]
        self._tags |= set(message.tags).difference(chosen.refused_tags)
        self._devices |= devices
        self._follow()
        self.follower.due -= chosen.tags
        encoded = self._hub.values.encoded
        texts = encode_snapshot(message.id, [encoded(tag_id) for tag_id in sorted(chosen.tags)])
        if chosen.refused_tags or chosen.refused_devices:
            self.refused += len(chosen.refused_tags) + len(chosen.refused_devices)
            texts.append(encode(Refused(message.id, chosen.refused_tags, chosen.refused_devices)))
        return texts

    def _follow(self) -> None:
        """Follow all subscribed tags, at most as many as one socket may have: a device may have more tags now."""
        chosen = self._hub.catalog.choose(self._rights, self._tags, self._devices)
        tags = chosen.tags if len(chosen.tags) <= MAX_TAGS else frozenset(sorted(chosen.tags)[:MAX_TAGS])
        self._hub.followers.follow(self.follower, tags)
