"""`sealbus audit`: show the record of a gateway, and verify that it is unaltered.

Both verbs only read, take no lock, and work while a gateway is writing. Text that peers chose (names, certificates) is
shown with control characters escaped, because a terminal would execute them.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from sealbus.cli.exits import FAILED, one_line_errors
from sealbus.cli.log import print_text
from sealbus.errors import ConfigError
from sealbus.records import Record, Unreadable, kind_of, newest_sequence, read
from sealbus.records import verify as verify_records

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from sealbus.records import Stored, Verification

__all__ = ["app", "follow", "show", "verify"]

app = typer.Typer(
    help="Read and verify the record of a gateway.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

_KINDS = frozenset(map(kind_of, get_args(Record)))
_UNREADABLE = "unreadable"
_FOLLOW_EVERY_S = 0.5
_FOLLOW_LAST = 10

_Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The directory of records")]


@app.command()
def verify(
    directory: _Directory,
    noted: Annotated[
        str, typer.Option(metavar="NUMBER:HASH", help="Last record of an earlier verify; must still exist")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON")] = False,
) -> None:
    """Check every hash and name the first bad record. Status 0: good, 1: bad, 2: there are no records."""
    with one_line_errors():
        head = _parse_noted(noted)
        with _progress() as progress:
            task = progress.add_task("")
            found = verify_records(
                directory, noted=head, progress=lambda at, last: progress.update(task, completed=at, total=last)
            )
    if as_json:
        print(json.dumps({"good": not found.breaks, **asdict(found)}))
    else:
        for line in _report(found):
            print_text(line)
        for each in found.breaks:
            print_text(f"sealbus: {directory}/{each}", to_stderr=True)
    if found.breaks:
        raise typer.Exit(FAILED)


@app.command()
def show(
    directory: _Directory,
    last: Annotated[int | None, typer.Option(help="Show only the last N records", min=0)] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Show only this kind, such as denied; repeat for several")
    ] = None,
    follow_on: Annotated[bool, typer.Option("--follow", "-f", help="Keep showing new records")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line")] = False,
) -> None:
    """Show records, oldest first, without checking them (verify does that)."""
    kinds = frozenset(kind or ())
    render = _as_json if as_json else _as_text
    with one_line_errors():
        _check_kinds(kinds)
        if last is None and follow_on:
            last = _FOLLOW_LAST
        newest = newest_sequence(directory)
        if not newest:
            raise ConfigError(
                "there are no records here", file=str(directory), hint="give the records folder of a gateway"
            )
        for stored in _selected(directory, last, kinds, newest):
            print(render(stored))
        if follow_on:
            for stored in follow(directory, after=newest, kinds=kinds, wait=lambda: time.sleep(_FOLLOW_EVERY_S)):
                print(render(stored), flush=True)


def follow(directory: Path, *, after: int, kinds: Collection[str], wait: Callable[[], None]) -> Iterator[Stored]:
    """New records after sequence number `after`, without end; `wait` is called when there is none."""
    while True:
        for stored in read(directory, after=after):
            after = stored.sequence
            if not kinds or _kind(stored) in kinds:
                yield stored
        wait()


def _selected(directory: Path, last: int | None, kinds: frozenset[str], newest: int) -> Iterable[Stored]:
    """The records that exist now. It ends at `newest`, so that `follow` neither misses nor repeats one."""
    after = 0 if last is None or kinds else newest - last
    chosen = (
        stored
        for stored in read(directory, after=max(after, 0))
        if stored.sequence <= newest and (not kinds or _kind(stored) in kinds)
    )
    return chosen if last is None else deque(chosen, maxlen=last)


def _check_kinds(kinds: Iterable[str]) -> None:
    for kind in kinds:
        if kind not in _KINDS:
            raise ConfigError(f"{kind!r} is not a kind of record", key="--kind", hint=f"give one of {_listed(_KINDS)}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _parse_noted(text: str) -> tuple[int, str] | None:
    if not text:
        return None
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise ConfigError(
            f"{text!r} is not NUMBER:HASH", key="--noted", hint="give the last record as an earlier verify printed it"
        )
    return int(number), digest


def _progress() -> Progress:
    """A bar on a terminal, nothing in a pipe."""
    columns = (TextColumn("segment {task.completed:.0f} of {task.total:.0f}"), BarColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())


def _report(found: Verification) -> Iterator[str]:
    verdict = "good" if not found.breaks else f"BAD, {_counted(len(found.breaks), 'break')} in the chain"
    yield f"{_safe(found.gateway)}: {verdict}"
    span = f" in {_counted(found.segments, 'segment')}"
    if found.first and found.last:
        span += f", {found.first[0]} to {found.last[0]}, from {found.first[1]} to {found.last[1]}"
    yield f"{_counted(found.records, 'good record')}{span}"
    if found.removal_recorded_by is not None:
        earlier = found.first_segment - 1
        yield f"begins at segment {earlier + 1}: older ones were removed for space, see record {found.removal_recorded_by}"
    for sequence in found.recoveries:
        yield f"the gateway was killed before record {sequence}; the last second before it may be missing"
    if found.writes_without_outcome:
        yield f"{_counted(found.writes_without_outcome, 'write')} without an outcome (or still in progress)"
    if found.clock_set_back:
        yield f"the clock was set back {_counted(found.clock_set_back, 'time')}"
    yield f"last record {found.head[0]}:{found.head[1]}"


def _kind(stored: Stored) -> str:
    return _UNREADABLE if isinstance(stored.record, Unreadable) else kind_of(stored.record)


def _fields(stored: Stored) -> dict[str, object]:
    """The fields that are set, `kind` first."""
    if isinstance(stored.record, Unreadable):
        return {"kind": _UNREADABLE, **asdict(stored.record)}
    fields: dict[str, object] = msgspec.to_builtins(stored.record)
    return fields


def _as_json(stored: Stored) -> str:
    return json.dumps({"sequence": stored.sequence, "time": stored.time, **_fields(stored)})


def _as_text(stored: Stored) -> str:
    fields = _fields(stored)
    kind = fields.pop("kind")
    said = "  ".join(f"{name}={_value(value)}" for name, value in fields.items())
    return f"{stored.sequence:>8}  {_safe(stored.time):27}  {kind:<18}  {said}"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{_value(key)}:{_value(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(_value, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = _safe(str(value))
    return f'"{text}"' if not text or " " in text else text


def _safe(text: str) -> str:
    """Escape control characters and changes of text direction, which could hide or move text in a terminal."""
    return "".join(each if each.isprintable() and each != '"' else f"\\u{ord(each):04x}" for each in text)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
