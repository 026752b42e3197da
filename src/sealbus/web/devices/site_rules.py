"""What the settings of the administrator may be: retention classes, allowed networks and serial ports. The collector parses
the same lines (`endpoints.NetworkRules`), so a line that is accepted here is a rule there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealbus.endpoints import NetworkRules
from sealbus.errors import ConfigError
from sealbus.plant import FieldProblem, order_problems

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.web.devices.models import RetentionClass

__all__ = ["network_problems", "retention_problems", "serial_problems"]

_SERIAL_FOLDER = "/dev/"


def retention_problems(row: Mapping[str, Any], stored: RetentionClass | None) -> list[FieldProblem]:
    """A class with these columns: its days, and that a value of its tags holds longer than they are silent."""
    found = list(order_problems(row["raw_days"], row["minute_days"], row["hour_days"], row["day_days"]))
    if stored is not None:
        longest = stored.tags.order_by("-max_interval_s").values_list("max_interval_s", flat=True).first()
        if longest is not None and longest >= row["hold_s"]:
            problem = f"a tag of this class stores only every {longest:g} s"
            found.append(FieldProblem("hold_s", problem, f"write more than {longest:g}"))
    return found


def network_problems(network: str, ports: str) -> list[FieldProblem]:
    """An allowed network and its ports: one problem at most."""
    if network.startswith("/") or " " in network:
        return [FieldProblem("network", "this is not a network", "write 10.20.0.0/16")]
    if problem := _line_problem(network):
        return [FieldProblem.of("network", problem)]
    if problem := _line_problem(f"{network} {ports}"):
        return [FieldProblem.of("ports", problem)]
    return []


def serial_problems(pattern: str) -> list[FieldProblem]:
    """The pattern of serial devices: one problem at most."""
    if not pattern.startswith(_SERIAL_FOLDER) or "." in pattern.split("/") or "//" in pattern:
        hint = "write the whole path, such as /dev/ttyUSB*"
        return [FieldProblem("pattern", "serial devices are in /dev/", hint)]
    if problem := _line_problem(pattern):
        return [FieldProblem.of("pattern", problem)]
    return []


def _line_problem(line: str) -> str:
    if not line.isprintable():  # a line end would make two rules of one
        return "it has a character that cannot be printed; write it without that character"
    try:
        NetworkRules.parse([line])
    except ConfigError as error:
        return str(error).removeprefix("networks: ")
    return ""
