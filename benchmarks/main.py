"""Run the selected rows, print the tables, and save the results of a whole run."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bench import Bench
from benchmarks.certificates import make_certificates
from benchmarks.machine import (
    NotMeasuredError,
    OtherLoad,
    choose_cores,
    compile_tools,
    describe_machine,
    python_versions,
)
from benchmarks.peers import PEERS
from benchmarks.report import Report, render_json, render_markdown
from benchmarks.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.table import Table

__all__ = ["main"]

_RESULTS = Path(__file__).parent / "results"
_QUIET_ENOUGH = 0.03
_METHOD = """
- {quiet}
- Every subject is measured in turn, in {rounds} rounds, each time in a fresh process, for {seconds:g} s after {warmup_s:g} s
  of warm-up. For gateway and latency the subjects run side by side and are measured in turn, in ten windows of a fifth of
  these times. The value of a round is that of the cheapest window, since other load on the machine only adds cost; the
  median of the windows is shown too. Figures are medians over the rounds. A ratio is the ratio of the medians, with the
  lowest and highest ratio of a single round.
- The process under test is alone on core {tested} (taskset); the load generator is on core {generator}, the device on
  core {device}.
- CPU time is that of the process under test in /proc/PID/stat (user and system, all threads and forked workers), read at
  the start and the end of the measured window. For the client API the process reads its own CPU time.
- Load: benchmarks/load.c, closed loop, one request outstanding per client (function 3, 10 registers), each answer
  compared byte by byte; one wrong or missing answer voids the figure. Device: benchmarks/device.c.
- TLS as the load generator negotiated it: {tls}. ECDSA P-256 certificates, the same for all; no resumption.
  Before each measurement a client without a certificate must be refused. On every connection the peer must request the
  certificate of the load generator.
- nginx, HAProxy and stunnel copy bytes and open one connection to the device per client; one worker process (nginx),
  one thread (HAProxy), one thread per client (stunnel); no access log. Sealbus also parses, decides by role and
  register (a forbidden write must get exception 01 before each measurement), checks every answer and writes its records.
- Added latency is the median through the proxy minus the median of a direct connection to the device, which then runs on
  the core of the process under test. Memory is the PSS of all processes with the connections minus that without them,
  divided by the number of connections. One more client is served at the same time, and all must still be open at the end.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if everything was measured and every target met, 1 if not, 2 if nothing can be measured on this machine."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parse(given)
    try:
        with tempfile.TemporaryDirectory(prefix="sealbus-benchmark-") as folder:
            bench, quiet = _set_up(Path(folder), options), OtherLoad()
            tables = [measure(bench) for row in options.only for measure in ROWS[row]]
            report = _report(bench, tables, " ".join(["python -m benchmarks", *given]), quiet.others_share())
    except NotMeasuredError as reason:
        print(f"cannot measure on this machine: {reason}", file=sys.stderr)
        return 2
    print(render_markdown(report))
    for name, text in ((options.json, render_json(report)), (options.markdown, render_markdown(report))):
        if name is not None:
            name.parent.mkdir(parents=True, exist_ok=True)
            name.write_text(text)
            print(f"written: {name}", file=sys.stderr)
    return int(any(table.problems or not all(verdict.met for verdict in table.verdicts) for table in tables))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compare Sealbus with its peers in one run."
    )
    parser.add_argument("--quick", action="store_true", help="one short round, 2,000 idle connections; writes no file")
    parser.add_argument("--only", default=",".join(ROWS), help=f"rows, separated by commas: {', '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, help="number of measurements of each subject (default 3, quick 1)")
    parser.add_argument("--seconds", type=float, help="length of one measurement (default 5, quick 2)")
    parser.add_argument(
        "--json",
        type=Path,
        help="write the results to this file (default for a whole run: benchmarks/results/latest.json)",
    )
    parser.add_argument(
        "--markdown",
        type=Path,
        help="write the tables to this file (default for a whole run: benchmarks/results/latest.md)",
    )
    options = parser.parse_args(arguments)
    options.only = options.only.split(",")
    if unknown := [row for row in options.only if row not in ROWS]:
        parser.error(f"--only: unknown row {', '.join(unknown)}; the rows are {', '.join(ROWS)}")
    if not options.quick and len(options.only) == len(ROWS):
        options.json = options.json or _RESULTS / "latest.json"
        options.markdown = options.markdown or _RESULTS / "latest.md"
    return options


def _set_up(folder: Path, options: argparse.Namespace) -> Bench:
    load_tool, device_tool = compile_tools(folder)
    return Bench(
        folder=folder,
        load_tool=load_tool,
        device_tool=device_tool,
        certificates=make_certificates(folder),
        cores=choose_cores(),
        rounds=options.rounds or (1 if options.quick else 3),
        seconds=options.seconds or (2.0 if options.quick else 5.0),
        warmup_s=0.5 if options.quick else 1.0,
        idle_connections=2000 if options.quick else 10000,
    )


def _report(bench: Bench, tables: Sequence[Table], command: str, others_share: float) -> Report:
    versions = python_versions()
    for peer in PEERS:
        try:
            versions[peer.name] = peer.version()
        except NotMeasuredError as reason:
            versions[peer.name] = str(reason)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Report(now, command, describe_machine(), versions, _method(bench, others_share), tables)


def _method(bench: Bench, others_share: float) -> str:
    quiet = f"Other processes used {others_share:.1%} of the machine during the run"
    if others_share > _QUIET_ENOUGH:
        quiet += ": TOO MUCH. Do not quote these figures."
    return _METHOD.strip().format(
        quiet=quiet.rstrip(".") + ".",
        rounds=bench.rounds,
        seconds=bench.seconds,
        warmup_s=bench.warmup_s,
        tls=", ".join(sorted(bench.tls_seen)) or "not used in this run",
        **dataclasses.asdict(bench.cores),
    )
