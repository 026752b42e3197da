"""Seed data for the site of the demonstration: the three devices of the plant, polled through the gateway over mbaps.

The data is imported once, by the same import that any site has, from a file that the user may read. Later changes by the
user are kept.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from sealbus.errors import SealbusError
from sealbus.protocol import ValueType
from sealbus.simulation import PUMPING_STATION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sealbus.cli.demonstration import Demonstration
    from sealbus.simulation import DeviceMap, Point

__all__ = ["first_start_message", "seed_demo"]

_PATIENCE_S = 60.0
_GROUP = "Pumping station"
_CONNECTION = "gateway"
_FINEST_INTERVAL_S = 1.0
_NORMAL: dict[tuple[str, str], tuple[float, float]] = {
    ("PLC", "tank level"): (1.2, 3.2),
    ("PLC", "inflow"): (60.0, 140.0),
    ("PLC", "pump 1: speed"): (0.0, 95.0),
    ("PLC", "pump 2: speed"): (0.0, 95.0),
    ("drives", "drive 1: motor temperature"): (15.0, 90.0),
    ("drives", "drive 2: motor temperature"): (15.0, 90.0),
    ("meter", "flow in the rising main"): (0.0, 220.0),
    ("meter", "pressure at the foot of the rising main"): (1.0, 4.0),
    ("meter", "power of the station"): (0.0, 40.0),
}
"""The normal ranges of the key values: what the overview shows."""


def seed_demo(demonstration: Demonstration, announce: Callable[[str], None]) -> None:
    """Import the devices of the plant into the site. Raises SealbusError if the import fails."""
    file = demonstration.folder / "site.json"
    where = {"networks": _networks(demonstration), "connections": _connections(demonstration)}
    if file.exists():  # imported before: only the port of the gateway may have changed
        document = json.loads(file.read_bytes())
        if document["connections"] == where["connections"]:
            return
        file.write_text(json.dumps(document | where, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        document = where
    else:
        announce("importing the plant into the site")
        document = {
            "groups": [{"name": _GROUP, "text": "the plant of the demonstration"}],
            **where,
            "devices": [_device(each) for each in PUMPING_STATION],
            "tags": [_tag(device, point) for device in PUMPING_STATION for point in device.points],
        }
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as wanted:
        json.dump(document, wanted)
        wanted.flush()
        _sealbus("web", "import", wanted.name, "--home", str(demonstration.folder))


def _networks(demonstration: Demonstration) -> list[dict[str, str]]:
    port = str(demonstration.mbaps_port)
    return [{"network": "127.0.0.1/32", "ports": port, "text": "the gateway of the demonstration"}]


def _connections(demonstration: Demonstration) -> list[dict[str, Any]]:
    return [
        {
            "group": _GROUP,
            "name": _CONNECTION,
            "url": demonstration.url,
            "identity": "collector",
            "in_flight": 4,
            "text": "Modbus in mutual TLS, as the role Collector",
        }
    ]


def _device(device: DeviceMap) -> dict[str, Any]:
    return {
        "group": _GROUP,
        "name": device.name,
        "connection_group": _GROUP,
        "connection": _CONNECTION,
        "unit_id": device.unit_id,
        "text": device.text,
    }


def _tag(device: DeviceMap, point: Point) -> dict[str, Any]:
    """A tag for a point of the plant; writable with the same limits as in the plant."""
    tag: dict[str, Any] = {
        "group": _GROUP,
        "device": device.name,
        "name": point.text.partition(" (")[0],
        "text": point.text,
        "place": f"{point.table}:{point.address}",
        "type": str(point.type),
        "order": str(point.order),
        "scale": point.factor,
        "decimals": _decimals(point),
        "unit": point.unit,
        "interval_s": _FINEST_INTERVAL_S,
    }
    if normal := _NORMAL.get((device.name, str(tag["name"]))):
        tag |= {"is_key": True, "normal_low": normal[0], "normal_high": normal[1]}
    if point.writing is not None:
        tag |= {"writable": True, "write_min": point.writing.minimum, "write_max": point.writing.maximum}
    return tag


def _decimals(point: Point) -> int | None:
    """As many as the plant sends; two where it sends a float. None for a bit."""
    if point.type in (ValueType.FLOAT32, ValueType.FLOAT64):
        return 2
    return None if point.type is ValueType.BIT else max(0, -math.floor(math.log10(point.factor)))


def first_start_message(folder: Path) -> Iterator[str]:
    """The URL of the site, and the set-up link while there is no administrator."""
    site = os.environ.get("SEALBUS_PUBLIC_URL", "http://127.0.0.1:8000")
    try:
        link = _sealbus("web", "setup-link", "--home", str(folder))
    except SealbusError:  # it has an administrator
        yield f"The site is at {site}; the API description, after sign-in, at {site}/api/v1/schema."
    else:
        yield f"The site is at {site} and has no account yet. This link creates the first one; it works once, within a day:"
        yield f"  {link}"


def _sealbus(*words: str) -> str:
    """Run a verb in another process and return its last line. Raises SealbusError with that line if it fails."""
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-P", "-m", "sealbus", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines() or [""]
    if done.returncode != 0:
        raise SealbusError(f"sealbus {' '.join(words[:2])}: {lines[-1].removeprefix('sealbus: ')}")
    return lines[-1]
