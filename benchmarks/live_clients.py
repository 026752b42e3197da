"""Both sides of the web process: the collector that changes every tag once a second, and the clients.

`python -m benchmarks.live_clients HOME PORT PID CLIENTS DEVICES_EACH WARMUP_S SECONDS`, with the output of `live_rows`
on stdin. Tags change device by device, in ten portions a second, as with polls at different phases. A sample contains
the time when it was published, so a client can measure the delay. A client that misses too many changes of its tags voids
the figure (see `live`).
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import websockets

from benchmarks.machine import cpu_seconds, proportional_set_bytes
from sealbus.bus import (
    LIVE_TOPIC,
    SNAPSHOT_TOPIC,
    decode_snapshot_request,
    encode_samples,
    encode_snapshot_page,
    open_bus,
)
from sealbus.plant import with_collector_id
from sealbus.samples import Sample
from sealbus.web.config.environment import load_environment

if TYPE_CHECKING:
    from sealbus.bus import Bus

__all__ = ["main"]

_PORTIONS = 10
_CONNECT_S = 60.0


class _LiveMessage(msgspec.Struct):
    type: str
    samples: list[tuple[int, int | None, Any, int, int]] = []


class _Client:
    """Counts the received messages, from the start of the window on."""

    def __init__(self, devices: list[int], tags: int) -> None:
        self.devices, self.tags = devices, tags
        self.late_ms: list[float] = []
        self.samples = self.messages = self.snapshot = 0
        self._decoder = msgspec.json.Decoder(_LiveMessage)

    async def watch(self, url: str, token: str) -> None:
        async with websockets.connect(
            url, additional_headers={"Authorization": f"Token {token}"}, compression=None, open_timeout=_CONNECT_S
        ) as wire:
            await wire.send(json.dumps({"type": "subscribe", "id": 1, "devices": self.devices}))
            async for text in wire:
                message = self._decoder.decode(text)
                if message.type == "snapshot":
                    self.snapshot += len(message.samples)
                elif message.type == "values":
                    now_us = time.time_ns() // 1000
                    self.messages += 1
                    self.samples += len(message.samples)
                    self.late_ms += [(now_us - sample[1]) / 1000 for sample in message.samples[::10] if sample[1]]

    def reset(self) -> None:
        self.late_ms.clear()
        self.samples = self.messages = 0


class _Collector:
    """Changes every tag once a second."""

    def __init__(self, bus: Bus, devices: list[list[int]]) -> None:
        self._bus = bus
        self._latest: dict[int, Sample] = {}
        self._portions = [devices[start::_PORTIONS] for start in range(_PORTIONS)]
        self.rounds = 0
        bus.serve(with_collector_id(SNAPSHOT_TOPIC), self._answer)

    async def _answer(self, payload: bytes) -> bytes:
        return encode_snapshot_page(self._latest.values(), decode_snapshot_request(payload))

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self.rounds += 1
            for portion in self._portions:
                time_us = time.time_ns() // 1000
                samples = [Sample(tag_id, time_us, float(self.rounds)) for tags in portion for tag_id in tags]
                self._latest |= {sample.tag_id: sample for sample in samples}
                for payload in encode_samples(samples):
                    self._bus.publish(with_collector_id(LIVE_TOPIC), payload)
                due += 1 / _PORTIONS
                await asyncio.sleep(max(0.0, due - loop.time()))


async def _measure(home: Path, port: int, process_id: int, options: list[str]) -> dict[str, float]:
    clients, each, warmup_s, seconds = int(options[0]), int(options[1]), float(options[2]), float(options[3])
    given = json.load(sys.stdin)
    tags_of = {int(device): tags for device, tags in given["tags_of"].items()}
    ids = sorted(tags_of)
    idle = proportional_set_bytes([process_id])
    watchers = [
        _Client([ids[(number * each + offset) % len(ids)] for offset in range(each)], each * len(tags_of[ids[0]]))
        for number in range(clients)
    ]
    key = load_environment({"SEALBUS_HOME": str(home)}).bus_key
    async with open_bus("local:", folder=home / "bus", key=key, is_hub=True) as bus, asyncio.TaskGroup() as tasks:
        collector = _Collector(bus, [tags_of[device] for device in ids])
        running = [tasks.create_task(collector.run())]
        url = f"ws://127.0.0.1:{port}/ws/live"
        for number, watcher in enumerate(watchers):
            running.append(tasks.create_task(watcher.watch(url, given["tokens"][number % len(given["tokens"])])))
            await asyncio.sleep(0.01)
        async with asyncio.timeout(_CONNECT_S):
            while not all(watcher.snapshot for watcher in watchers):
                await asyncio.sleep(0.05)
        await asyncio.sleep(warmup_s)
        for watcher in watchers:
            watcher.reset()
        began, used, own = time.monotonic(), cpu_seconds(process_id), time.process_time()
        await asyncio.sleep(seconds)
        took = time.monotonic() - began
        used, own = cpu_seconds(process_id) - used, time.process_time() - own
        full = proportional_set_bytes([process_id])
        for task in running:
            task.cancel()
    fewest = min(watcher.samples / watcher.tags for watcher in watchers) / took
    late = sorted(one for watcher in watchers for one in watcher.late_ms)
    return {
        "cpu_percent": 100 * used / took,
        "own_cpu_percent": 100 * own / took,
        "samples_per_s": sum(watcher.samples for watcher in watchers) / took,
        "messages_per_s": sum(watcher.messages for watcher in watchers) / took,
        "fewest_per_tag_and_s": fewest,
        "late_p50_ms": statistics.median(late),
        "late_p95_ms": late[int(0.95 * len(late))],
        "idle_mib": idle / 2**20,
        "full_mib": full / 2**20,
    }


def main() -> int:
    """Print one line of JSON."""
    home, port, process_id = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(asyncio.run(_measure(home, port, process_id, sys.argv[4:]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
