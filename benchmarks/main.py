"""Run the rows that were asked for, print the tables, and keep the results of a whole run."""

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
- Every subject in turn, rounds: {rounds}, each time a fresh process; {seconds:g} s after {warmup_s:g} s of warm-up.
  For gateway and latency the subjects stand beside each other, and are measured in ten windows of a fifth of these times,
  each one in turn. A round's value is that of the window that cost least, since what else goes on in a machine only adds;
  beside it is the median of the windows. Figures are medians over the rounds, a ratio is the ratio of the medians; beside
  it the lowest and highest ratio of a single round.
- The process under test is alone on core {tested} (taskset); the load generator is on core {generator}, the device on
  core {device}.
- CPU time is what /proc/PID/stat says of the process under test, user and system, all threads and forked workers, at
  the two ends of the measured window; for the client API it is what the process reads of itself.
- Load: benchmarks/load.c, closed loop, one request outstanding per client (function 3, 10 registers), each answer
  compared byte by byte; one wrong or missing answer voids the figure. Device: benchmarks/device.c.
- TLS as the load generator negotiated it: {tls}. ECDSA P-256 certificates, the same for all; no resumption.
  Before each measurement a client without a certificate must be refused; while connecting, the load generator must be
  asked for its certificate on every connection.
- nginx, HAProxy and stunnel copy bytes and open one connection to the device per client; one worker process (nginx),
  one thread (HAProxy), one thread per client (stunnel); no access log. Sealbus also parses, decides by role and
  register (a forbidden write must get exception 01 before each measurement), checks every answer and keeps its records.
- Added latency is the median through the proxy less the median straight at the device, which then has the core of the
  process under test. Memory is PSS of all processes, full less empty, divided by the connections; meanwhile one more
  client is served, and all must still be open at the end.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all was measured and every target met, 1 when not, 2 when nothing can be measured here."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parse(given)
    try:
        with tempfile.TemporaryDirectory(prefix="sealbus-benchmark-") as folder:
            bench, quiet = _set_up(Path(folder), options), OtherLoad()
            tables = [measure(bench) for row in options.only for measure in ROWS[row]]
            report = _report(bench, tables, " ".join(["python -m benchmarks", *given]), quiet.others_share())
    except NotMeasuredError as reason:
        print(f"nothing can be measured here: {reason}", file=sys.stderr)
        return 2
    print(render_markdown(report))
    for name, text in ((options.json, render_json(report)), (options.markdown, render_markdown(report))):
        if name is not None:
            name.parent.mkdir(parents=True, exist_ok=True)
            name.write_text(text)
            print(f"written: {name}", file=sys.stderr)
    return int(any(table.problems or not all(verdict.met for verdict in table.verdicts) for table in tables))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Sealbus beside its peers, in one run.")
    parser.add_argument(
        "--quick", action="store_true", help="one short round, 2,000 idle connections: a look, no result"
    )
    parser.add_argument("--only", default=",".join(ROWS), help=f"rows, separated by commas: {', '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, help="how often each subject is measured (3, quick 1)")
    parser.add_argument("--seconds", type=float, help="length of one measurement (5, quick 2)")
    parser.add_argument(
        "--json", type=Path, help="write the results here (a whole run: benchmarks/results/latest.json)"
    )
    parser.add_argument(
        "--markdown", type=Path, help="write the tables here (a whole run: benchmarks/results/latest.md)"
    )
    options = parser.parse_args(arguments)
    options.only = options.only.split(",")
    if unknown := [row for row in options.only if row not in ROWS]:
        parser.error(f"--only: no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
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
    quiet = f"Other processes used {others_share:.1%} of the machine meanwhile"
    if others_share > _QUIET_ENOUGH:
        quiet += ": IT WAS NOT QUIET. Do not quote these figures."
    return _METHOD.strip().format(
        quiet=quiet.rstrip(".") + ".",
        rounds=bench.rounds,
        seconds=bench.seconds,
        warmup_s=bench.warmup_s,
        tls=", ".join(sorted(bench.tls_seen)) or "not used in this run",
        **dataclasses.asdict(bench.cores),
    )
