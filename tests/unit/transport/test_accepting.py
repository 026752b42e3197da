"""Out of descriptors: the accept loop waits, sessions continue, and it resumes by itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

# A process of its own, because the limit is the process's. It uses up its descriptors, connects, sees the loop back off
# while a session goes on, frees the descriptors, and sees the waiting connection taken.
_PLAY = """
import asyncio, errno, os, resource, socket, sys
import uvloop
from sealbus.endpoints import parse_endpoint
from sealbus.transport import Listener, ListenerEvents

class Events(ListenerEvents):
    def __init__(self):
        self.pauses = []
        self.resumed = 0
    def cannot_accept(self, delay_s, error):
        self.pauses.append((delay_s, error.errno))
    def accepts_again(self):
        self.resumed += 1

class Echo(asyncio.Protocol):
    def __init__(self, accepted):
        self.accepted = accepted
    def data_received(self, data):
        self.accepted.transport.write(data)
    def connection_lost(self, error):
        self.accepted.release()

async def say(sock):
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, b"ping")
    return await asyncio.wait_for(loop.sock_recv(sock, 10), 30)

def new_socket():
    sock = socket.socket()
    sock.setblocking(False)
    return sock

async def main():
    loop = asyncio.get_running_loop()
    events = Events()
    listener = await Listener.open(parse_endpoint("tcp://127.0.0.1:0", listening=True), Echo, events=events)
    inside, outside = new_socket(), new_socket()
    address = ("127.0.0.1", listener.port)
    await loop.sock_connect(inside, address)
    assert await say(inside) == b"ping"
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    hoard = []
    while True:
        try:
            hoard.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            break
    await loop.sock_connect(outside, address)
    while len(events.pauses) < 4:
        assert await say(inside) == b"ping"
    assert [delay for delay, _ in events.pauses[:4]] == [0.005, 0.01, 0.02, 0.04], events.pauses
    assert {code for _, code in events.pauses} == {errno.EMFILE}, events.pauses
    for descriptor in hoard:
        os.close(descriptor)
    assert await say(outside) == b"ping"
    assert await say(inside) == b"ping"
    assert listener.admitted == 2
    assert events.resumed == 1
    inside.close()
    outside.close()
    await listener.close()
    async with asyncio.timeout(5):
        while listener.admitted:
            await asyncio.sleep(0.01)
    print("played to the end")

loop_factory = uvloop.new_event_loop if sys.argv[1] == "uvloop" else asyncio.new_event_loop
with asyncio.Runner(loop_factory=loop_factory) as runner:
    runner.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_without_descriptors_accepting_backs_off_and_recovers_while_sessions_continue(loop: str) -> None:
    played = subprocess.run(
        [sys.executable, "-c", _PLAY, loop], capture_output=True, text=True, timeout=60, check=False
    )
    assert (played.returncode, played.stdout) == (0, "played to the end\n"), played.stderr
