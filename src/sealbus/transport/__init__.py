"""How bytes get from here to a device, and from a client to here.

Dialling and listening: tcp, mbaps, rtu, ascii, rtu+tcp and ssh+tcp, on asyncio and uvloop; tcp and mbaps also without an
event loop. Every deadline and bound that applies before a peer is authenticated is here. This package refuses to parse
frames, to judge a certificate or a role (it uses contexts that `security` built, and calls `admit`), and to offer plain
Modbus off loopback without the option `unsafe_plain`.
"""

from sealbus.transport.admission import ListenerEvents, ListenerLimits, PeerAddress, Refusal
from sealbus.transport.blocking import BlockingTransport, dial_blocking, is_blocking_supported
from sealbus.transport.dialling import dial
from sealbus.transport.inspecting import PresentedServer, inspect_server
from sealbus.transport.listener import Accepted, Listener
from sealbus.transport.loops import new_event_loop
from sealbus.transport.write_coalescer import WriteCoalescer

__all__ = [
    "Accepted",
    "BlockingTransport",
    "Listener",
    "ListenerEvents",
    "ListenerLimits",
    "PeerAddress",
    "PresentedServer",
    "Refusal",
    "WriteCoalescer",
    "dial",
    "dial_blocking",
    "inspect_server",
    "is_blocking_supported",
    "new_event_loop",
]
