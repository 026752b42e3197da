"""A policy on disk, and the one in force.

A program that writes a policy in place passes through files that grant more than the whole: a rule that is not yet limited
by its `max`, a number that lacks its last digit. So a file is taken up only when two looks, some time apart, found the same
bytes. A writer that pauses for longer is not noticed; a checksum in the first line of the policy shows that as well.

A file that cannot be used leaves the last good policy in force.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError
from sealbus.policy import grown_rights, parse_policy
from sealbus.text_files import decode_text

if TYPE_CHECKING:
    from sealbus.policy import Policy

__all__ = ["PolicyChange", "PolicyFile", "load_policy"]

_LOOKS_AT_START = 50


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A policy that was taken up: the SHA-256 of its file, and the rights that the one before it did not give."""

    policy: Policy
    fingerprint: str
    grown: list[str]


@dataclass(frozen=True, slots=True)
class _Look:
    """What a file held, `at` this monotonic time. `problem` instead of `data` where it cannot be read."""

    at: float
    data: bytes
    problem: str

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def agrees_with(self, other: _Look | None) -> bool:
        return other is not None and (self.data, self.problem) == (other.data, other.problem)


class PolicyFile:
    """The policy of one file. Loads it; raises ConfigError if it cannot be used. `settle_s`: the time between two looks."""

    def __init__(self, file: str, *, settle_s: float) -> None:
        self.file = file
        self._settle_s = settle_s
        self._in_force = _first_look(file, settle_s)
        self._first: _Look | None = None
        self.policy = _parse(self._in_force, file)

    @property
    def is_settling(self) -> bool:
        """Whether the file has changed and a second look, `settle_s` after the first, must agree."""
        return self._first is not None

    def look(self, now: float) -> PolicyChange | None:
        """Look at the file, at the monotonic time `now`. Returns the policy if it was taken up.

        Raises ConfigError, after two looks that agree, if the file cannot be used.
        """
        look = _look_at(self.file, now)
        if look.agrees_with(self._in_force):
            self._first = None
            return None
        if self._first is None or not look.agrees_with(self._first):
            self._first = look
            return None
        if now - self._first.at < self._settle_s:
            return None
        self._first = None
        before, self.policy = self.policy, _parse(look, self.file)
        self._in_force = look
        return PolicyChange(self.policy, look.fingerprint, grown_rights(before, self.policy))


def load_policy(file: str) -> Policy:
    """Read a policy file. Raises ConfigError."""
    return _parse(_look_at(file, 0.0), file)


def _first_look(file: str, settle_s: float) -> _Look:
    """The look at a start: a file that was just written is looked at until two looks agree."""
    look = _look_at(file, time.monotonic())
    for _ in range(_LOOKS_AT_START):
        if not _is_fresh(file, settle_s):
            return look
        time.sleep(settle_s)  # before the gateway serves anybody
        again = _look_at(file, time.monotonic())
        if again.agrees_with(look):
            return look
        look = again
    raise ConfigError("is written again and again", file=file, hint="end the program that writes it")


def _is_fresh(file: str, settle_s: float) -> bool:
    try:
        return abs(time.time() - Path(file).stat().st_mtime) < settle_s
    except OSError:
        return False


def _look_at(file: str, now: float) -> _Look:
    try:
        return _Look(now, Path(file).read_bytes(), "")
    except OSError as error:
        return _Look(now, b"", error.strerror or str(error))


def _parse(look: _Look, file: str) -> Policy:
    if look.problem:
        raise ConfigError(f"cannot be read: {look.problem}", file=file, hint="name a readable policy file")
    return parse_policy(decode_text(look.data, file=file), file=file)
