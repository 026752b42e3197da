"""How do we ask a device? The lines and queues to it, and the client API on top of them.

Refuses to send anything twice, to send anything late, and to pass on an answer that does not belong to its request.
"""

from sealbus.client.blocking_connection import BlockingConnection, connect_blocking
from sealbus.client.calls import Value
from sealbus.client.channel import Channel, ChannelCounters, ChannelHooks, ChannelRules
from sealbus.client.connection import Connection, connect
from sealbus.client.transaction import Failure, Transaction

__all__ = [
    "BlockingConnection",
    "Channel",
    "ChannelCounters",
    "ChannelHooks",
    "ChannelRules",
    "Connection",
    "Failure",
    "Transaction",
    "Value",
    "connect",
    "connect_blocking",
]
