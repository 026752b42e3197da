"""The log of a process on stderr: plain lines for people, or JSON lines for machines.

With JSON every line is JSON: warnings of Python and of libraries, uncaught exceptions, the lines that report readiness
and the last error of the process as well, so that a log collector never meets a line that it cannot parse.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["LogFormat", "print_line", "print_text", "start_log"]

_log = logging.getLogger("sealbus")


class LogFormat(StrEnum):
    """How log lines look."""

    PLAIN = "plain"
    JSON = "json"


def start_log(log_format: LogFormat) -> None:
    """Send the log of Sealbus, and warnings of libraries, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if log_format is LogFormat.JSON else _Plain())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    _log.setLevel(logging.INFO)
    if log_format is LogFormat.JSON:
        logging.captureWarnings(True)
        sys.excepthook = _log_uncaught
        threading.excepthook = lambda event: _log_uncaught(
            event.exc_type, event.exc_value or event.exc_type(), event.exc_traceback
        )


def print_line(line: str, *, level: int = logging.INFO) -> None:
    """A line of its own on stderr; where the log is JSON, as a line of the log."""
    if any(isinstance(handler.formatter, _Json) for handler in logging.getLogger().handlers):
        _log.log(level, "%s", line)
    else:
        print_text(line, to_stderr=True)


def print_text(line: str, *, to_stderr: bool = False, bold: bool = False) -> None:
    """Print one line for people, whose text may come from a device, a peer, a certificate or a file.

    A terminal would execute control characters and reorder text by direction marks, so they are escaped; a tab stays. All
    lines of the command line are printed here; what is not is JSON, or a file that is passed on as it is.
    """
    text = "\t".join(_one_line(part) for part in line.split("\t"))
    if bold:
        text = typer.style(text, bold=True)
    print(text, file=sys.stderr if to_stderr else sys.stdout, flush=to_stderr)


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    _log.critical("uncaught exception: %s", error, exc_info=(kind, error, traceback))


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = _one_line(record.getMessage())
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return f"{_time_of(record)} {record.levelname.lower():7} {text}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _time_of(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _one_line(text: str) -> str:
    """Peers choose part of the text: a character that could start a new line, or colour a terminal, is escaped."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
