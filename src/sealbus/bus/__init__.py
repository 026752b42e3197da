"""Who should hear of this now? Live values and hints between processes; what must not be lost is in the database.

Publish, subscribe and ask, between the processes of one machine (sockets in a folder) or of several (Redis, Valkey).
The package refuses to store, to acknowledge and to repeat: publishing never waits and never fails, who is slow loses the
oldest, and what was dropped is counted. It takes everything that arrives for untrusted input. Of a payload it knows what
it means in two cases: live values and how the collector is, whose sender and reader meet nowhere else.
"""

from sealbus.bus.bus import Bus, open_bus
from sealbus.bus.bus_url import BusEngine, BusUrl, parse_bus_url
from sealbus.bus.exchange import Handler, RequestRefused
from sealbus.bus.live import (
    LIVE_TOPIC,
    SIGN_OF_LIFE_S,
    SNAPSHOT_TOPIC,
    SnapshotPage,
    decode_samples,
    decode_snapshot_page,
    decode_snapshot_request,
    encode_samples,
    encode_snapshot_page,
    encode_snapshot_request,
)
from sealbus.bus.message import ANSWER_LIMIT_BYTES, PAYLOAD_LIMIT_BYTES, Message
from sealbus.bus.report import STATE_TOPIC, decode_collector_state, encode_collector_state
from sealbus.bus.state import BusState
from sealbus.bus.subscription import Subscription

__all__ = [
    "ANSWER_LIMIT_BYTES",
    "LIVE_TOPIC",
    "PAYLOAD_LIMIT_BYTES",
    "SIGN_OF_LIFE_S",
    "SNAPSHOT_TOPIC",
    "STATE_TOPIC",
    "Bus",
    "BusEngine",
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
