"""The serial ports that the URLs of devices name.

A port that does not exist is a warning only: an adapter is plugged in and out while a gateway runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.endpoints import parse_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.endpoints import Endpoint
    from sealbus.gateway.config import GatewayFile

__all__ = ["serial_warnings"]


def serial_warnings(file: GatewayFile) -> list[str]:
    """Sentences about serial ports that are not there now, or are something else."""
    warnings = []
    for endpoint in _endpoints(file):
        if endpoint.line is None:
            continue
        port = Path(endpoint.line.device)
        if not port.exists():
            warnings.append(f"{endpoint}: {port} is not there now; its requests fail until it is")
        elif not port.is_char_device():
            warnings.append(f"{endpoint}: {port} is not a serial port")
    return warnings


def _endpoints(file: GatewayFile) -> Iterator[Endpoint]:
    return (
        parse_endpoint(url) for url in dict.fromkeys(device.url for each in file.listener for device in each.device)
    )
