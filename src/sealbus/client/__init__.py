"""The client side: connections to devices, the queues before them, and the client API on top.

Its words (channel, line, transaction, connection) are in `docs/glossary.md`: "The way to a device".

This package refuses to send a write twice, to send anything late, and to pass on an answer that does not fit its request.
"""

from sealbus.client.blocking_connection import BlockingConnection, BlockingUnit, connect_blocking
from sealbus.client.calls import Value
from sealbus.client.channel import Channel, ChannelCounters, ChannelHooks, ChannelRules
from sealbus.client.connection import Connection, Unit, connect
from sealbus.client.line import Oddity
from sealbus.client.observing import ConnectionEvent, ConnectionState, WireBytes
from sealbus.client.procedures import SunSpecModel
from sealbus.client.transaction import Failure, Transaction

__all__ = [
    "BlockingConnection",
    "BlockingUnit",
    "Channel",
    "ChannelCounters",
    "ChannelHooks",
    "ChannelRules",
    "Connection",
    "ConnectionEvent",
    "ConnectionState",
    "Failure",
    "Oddity",
    "SunSpecModel",
    "Transaction",
    "Unit",
    "Value",
    "WireBytes",
    "connect",
    "connect_blocking",
]
