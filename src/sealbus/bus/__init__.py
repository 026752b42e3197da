"""How do processes notify each other? Live values and hints; data that must not be lost is in the database.

Publish, subscribe, request and reply, between the processes of one machine (sockets in a folder) or of several (Redis,
Valkey). The package does not store, acknowledge or repeat: publishing never blocks and never fails, a slow reader loses
the oldest messages, and dropped messages are counted. All input is untrusted. The package knows the meaning of two
payloads, live values and the state of the collector, because their sender and reader share no other package.
"""

from sealbus.bus.bus import Bus, open_bus
from sealbus.bus.bus_state import BusState
from sealbus.bus.bus_url import BusKind, BusUrl, parse_bus_url
from sealbus.bus.collector_state import STATE_TOPIC, decode_collector_state, encode_collector_state
from sealbus.bus.live import (
    KEEPALIVE_S,
    LIVE_TOPIC,
    SNAPSHOT_TOPIC,
    SnapshotPage,
    decode_samples,
    decode_snapshot_page,
    decode_snapshot_request,
    encode_samples,
    encode_snapshot_page,
    encode_snapshot_request,
)
from sealbus.bus.message import PAYLOAD_LIMIT_BYTES, REPLY_LIMIT_BYTES, Message
from sealbus.bus.request_reply import Handler, RequestRefused
from sealbus.bus.subscription import Subscription

__all__ = [
    "KEEPALIVE_S",
    "LIVE_TOPIC",
    "PAYLOAD_LIMIT_BYTES",
    "REPLY_LIMIT_BYTES",
    "SNAPSHOT_TOPIC",
    "STATE_TOPIC",
    "Bus",
    "BusKind",
    "BusState",
    "BusUrl",
    "Handler",
    "Message",
    "RequestRefused",
    "SnapshotPage",
    "Subscription",
    "decode_collector_state",
    "decode_samples",
    "decode_snapshot_page",
    "decode_snapshot_request",
    "encode_collector_state",
    "encode_samples",
    "encode_snapshot_page",
    "encode_snapshot_request",
    "open_bus",
    "parse_bus_url",
]
