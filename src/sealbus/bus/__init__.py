"""Who should hear of this now? Live values and hints between processes; what must not be lost is in the database.

Publish, subscribe and ask, between the processes of one machine (sockets in a folder) or of several (Redis, Valkey).
The package refuses to store, to acknowledge and to repeat: publishing never waits and never fails, who is slow loses the
oldest, and what was dropped is counted. It does not know what a payload means, and takes everything that arrives for
untrusted input.
"""

from sealbus.bus.bus import Bus, open_bus
from sealbus.bus.bus_url import BusEngine, BusUrl, parse_bus_url
from sealbus.bus.exchange import Handler, RequestRefused
from sealbus.bus.message import ANSWER_LIMIT_BYTES, PAYLOAD_LIMIT_BYTES, Message
from sealbus.bus.state import BusState
from sealbus.bus.subscription import Subscription

__all__ = [
    "ANSWER_LIMIT_BYTES",
    "PAYLOAD_LIMIT_BYTES",
    "Bus",
    "BusEngine",
    "BusState",
    "BusUrl",
    "Handler",
    "Message",
    "RequestRefused",
    "Subscription",
    "open_bus",
    "parse_bus_url",
]
