"""The collector under test, in its own process: polls many devices every second and reports the cost.

`python -m benchmarks.collect SUBJECT LOOP FIRST_PORT DEVICES TAGS WARMUP_S SECONDS FOLDER`. SUBJECT is `sealbus`
(samples are only counted), `sealbus+history` (samples go into a real history and onto a real bus), or `pymodbus`: a plain
loop that reads the same registers in the same requests at the same moments, scales them and records changed values. LOOP
is uvloop or asyncio.

Each device has TAGS consecutive registers, so one request a second. The results are checked: every tag must have had a
good sample, and each device must have been polled in each second of the window.

`python -m benchmarks.collect command FOLDER` measures how long a command waits on a busy connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import struct
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.machine import proportional_set_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

__all__ = ["main"]

_INTERVAL_S = 1.0
_COMMANDS = 40
_ENDING_S = 20.0
_ANSWER_S = 0.05


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)] if values else 0.0


class _Window:
    """Counts from the end of the warm-up to the end of the run."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.cpu_s = time.process_time()
        self.late: list[float] = []

    def report(self, **more: float) -> dict[str, float]:
        seconds = time.monotonic() - self.began
        return {
            "cpu_percent": 100 * (time.process_time() - self.cpu_s) / seconds,
            "seconds": seconds,
            "rounds_per_s": len(self.late) / seconds,
            "late_p50_ms": 1000 * _percentile(self.late, 0.5),
            "late_p99_ms": 1000 * _percentile(self.late, 0.99),
            "pss_mib": proportional_set_bytes([_own_id()]) / 2**20,
            **more,
        }


def _own_id() -> int:
    return int(Path("/proc/self").readlink().name)


# ---- Sealbus ----


class _CountingStore:
    def __init__(self) -> None:
        self.samples = 0
        self.tags: set[int] = set()

    def put(self, samples: Sequence[Any]) -> None:
        self.samples += len(samples)

    def note(self, samples: Sequence[Any]) -> None:
        self.tags.update(sample.tag_id for sample in samples if not sample.quality)


@contextlib.asynccontextmanager
async def _sinks(
    counting: _CountingStore, folder: Path, *, is_real: bool
) -> AsyncIterator[tuple[Any, Callable[[Any], object]]]:
    if not is_real:
        yield counting, lambda samples: None
        return
    from sealbus.bus import LIVE_TOPIC, encode_samples, open_bus
    from sealbus.history import HistoryRules, HistoryWriter, open_history

    history = open_history(f"sqlite:///{folder}/history.sqlite3", rules=HistoryRules(zone="UTC"))
    writer = HistoryWriter(history, folder / "spool")
    async with open_bus("local:", folder=folder, key=bytes(32), is_hub=True) as bus:

        class _CountingWriter:
            def put(self, samples: Sequence[Any]) -> None:
                counting.put(samples)
                writer.put(samples)

        def publish(samples: Sequence[Any]) -> None:
            for payload in encode_samples(samples):
                bus.publish(LIVE_TOPIC, payload)

        yield _CountingWriter(), publish
    writer.close()
    if writer.state().dropped:
        raise SystemExit(f"history dropped {writer.state().dropped} samples")


async def _sealbus(
    first_port: int, devices: int, tags: int, times: tuple[float, float], folder: Path, *, is_real: bool
) -> Any:
    from sealbus.acquisition import EnginePorts, PollingEngine
    from sealbus.plant import ConnectionPlan, DevicePlan, Plan, TagPlan

    window = _Window()

    class _TimedEngine(PollingEngine):
        def record_lag(self, seconds: float) -> None:
            super().record_lag(seconds)
            window.late.append(seconds)

    plans = tuple(
        ConnectionPlan(
            id=number,
            url=f"tcp://127.0.0.1:{first_port + number}",
            devices=(
                DevicePlan(
                    id=number,
                    unit_id=1,
                    tags=tuple(
                        TagPlan(id=number * tags + at, place=f"holding:{at}", scale=0.1, interval_s=_INTERVAL_S)
                        for at in range(tags)
                    ),
                ),
            ),
        )
        for number in range(devices)
    )
    counting = _CountingStore()
    async with _sinks(counting, folder, is_real=is_real) as (store, publish):

        def published(samples: Sequence[Any]) -> None:
            if len(counting.tags) < devices * tags:
                counting.note(samples)
            publish(samples)

        collector = _TimedEngine(
            EnginePorts(store=store, publish=published, report=lambda report: None, identities=folder)
        )
        running = asyncio.create_task(collector.run())
        began = time.monotonic()
        collector.apply(Plan(connections=plans, networks=("127.0.0.1 *",)))
        applied_s = time.monotonic() - began
        await asyncio.sleep(times[0])
        before, window = counting.samples, _Window()
        overruns = sum(each.overruns for each in collector.state().connections)
        await asyncio.sleep(times[1])
        state = collector.state()
        samples = (counting.samples - before) / times[1]
        overruns = sum(each.overruns for each in state.connections) - overruns
        report = window.report(samples_per_s=samples, overruns=overruns, apply_s=applied_s)
        if len(counting.tags) < devices * tags:
            raise SystemExit(f"only {len(counting.tags)} of {devices * tags} tags were ever good")
        await collector.close()
        await running
    return report


# ---- pymodbus ----


async def _pymodbus(first_port: int, devices: int, tags: int, times: tuple[float, float]) -> Any:
    from pymodbus.client import AsyncModbusTcpClient

    window = _Window()
    overruns = 0
    is_over = asyncio.Event()
    noted = 0
    changes: deque[tuple[int, float, float]] = deque(maxlen=devices * tags)
    loop = asyncio.get_running_loop()

    async def poll(number: int) -> None:
        nonlocal overruns, noted
        client = AsyncModbusTcpClient("127.0.0.1", port=first_port + number)
        if not await client.connect():
            raise ConnectionError("pymodbus did not connect")
        due = loop.time() + number / devices
        last: Sequence[float | None] = [None] * tags
        while not is_over.is_set():
            await asyncio.sleep(max(due - loop.time(), 0))
            window.late.append(loop.time() - due)
            answer = await client.read_holding_registers(0, count=tags, device_id=1)
            if len(answer.registers) != tags:
                raise ValueError(f"a wrong answer: {answer}")
            values = [register * 0.1 for register in answer.registers]
            now = time.time()
            for at, value in enumerate(values):
                if value != last[at]:
                    changes.append((number * tags + at, now, value))
                    noted += 1
            last = values
            due += _INTERVAL_S
            while due < loop.time():
                due += _INTERVAL_S
                overruns += 1

    polls = [asyncio.create_task(poll(number)) for number in range(devices)]
    await asyncio.sleep(times[0])
    window, overruns, noted = _Window(), 0, 0
    done, _ = await asyncio.wait(polls, timeout=times[1], return_when=asyncio.FIRST_EXCEPTION)
    report = window.report(overruns=overruns, samples_per_s=noted / times[1])
    is_over.set()  # tasks are not cancelled: this client may treat a cancellation as a lost answer and continue
    await asyncio.wait(polls, timeout=_ENDING_S)
    for each in done:
        each.result()
    return report


# ---- commands ----


async def _commands(folder: Path) -> Any:
    """Time until a command is sent on a connection with one request in flight and more waiting."""
    from sealbus.acquisition import EnginePorts, PollingEngine
    from sealbus.plant import ConnectionPlan, DevicePlan, Plan, ReadNow, TagPlan

    seen: dict[int, float] = {}
    loop = asyncio.get_running_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                request = await reader.readexactly(12)
                address, count = struct.unpack_from(">HH", request, 8)
                seen.setdefault(address, loop.time())
                await asyncio.sleep(_ANSWER_S)
                writer.write(request[:4] + struct.pack(">HBBB", 3 + 2 * count, 1, 3, 2 * count) + bytes(2 * count))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tags = tuple(TagPlan(id=at, place=f"holding:{20 * at}", interval_s=0.1) for at in range(100))
    devices = tuple(DevicePlan(id=unit, unit_id=unit, tags=tags[unit::10]) for unit in range(10))
    collector = PollingEngine(
        EnginePorts(store=_CountingStore(), publish=lambda samples: None, report=lambda report: None, identities=folder)
    )
    running = asyncio.create_task(collector.run())
    plan = ConnectionPlan(id=1, url=f"tcp://127.0.0.1:{port}", devices=devices)
    collector.apply(Plan(connections=(plan,), networks=("127.0.0.1 *",)))
    await asyncio.sleep(1.5)
    waits = []
    for number in range(_COMMANDS):
        await asyncio.sleep(0.037)  # so that commands come at various moments between two requests
        tag, began = TagPlan(id=1, place=f"holding:{30_000 + number}"), loop.time()
        collector.submit(ReadNow(id=number, connection=1, unit_id=1, tags=(tag,)))
        while 30_000 + number not in seen:
            await asyncio.sleep(0.0005)
        waits.append((seen[30_000 + number] - began) / _ANSWER_S)
    waiting = collector.state().connections[0].waiting
    await collector.close()
    await running
    server.close()
    return {"p50": _percentile(waits, 0.5), "most": max(waits), "waiting": waiting, "commands": _COMMANDS}


def main(arguments: Sequence[str]) -> None:
    """Run one subject and print its report as JSON."""
    logging.disable(logging.WARNING)
    if arguments[0] == "command":
        import uvloop

        print(json.dumps(uvloop.run(_commands(Path(arguments[1])))))
        return
    subject, loop_name = arguments[:2]
    first_port, devices, tags = (int(text) for text in arguments[2:5])
    times = float(arguments[5]), float(arguments[6])
    if subject == "pymodbus":
        work = _pymodbus(first_port, devices, tags, times)
    else:
        is_real = subject.endswith("history")
        work = _sealbus(first_port, devices, tags, times, Path(arguments[7]), is_real=is_real)
    if loop_name == "uvloop":
        import uvloop

        print(json.dumps(uvloop.run(work)))
    else:
        print(json.dumps(asyncio.run(work)))


if __name__ == "__main__":
    main(sys.argv[1:])
