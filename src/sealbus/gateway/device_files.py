"""The files of this machine that the URLs of devices name: keys and host keys for SSH, and serial ports.

A file for SSH that cannot be read is an error of the configuration, like a certificate that cannot be read. A serial port
that does not exist is a warning only: an adapter is plugged in and out while a gateway runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.endpoints import parse_endpoint
from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.endpoints import Endpoint
    from sealbus.gateway.config import GatewayFile

__all__ = ["check_ssh_files", "serial_warnings"]

_KEY = "listener.device.url"


def check_ssh_files(file: GatewayFile) -> None:
    """Raise ConfigError that names the first key or file of host keys that cannot be read."""
    for endpoint in _endpoints(file):
        if endpoint.forward is None:
            continue
        for name, what in ((endpoint.forward.key, "key"), (endpoint.forward.known_hosts, "known_hosts")):
            if name:
                _check_readable(Path(name).expanduser(), what)


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


def _check_readable(path: Path, what: str) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigError(
            f"the {what} file of an ssh+tcp device cannot be read: {error.strerror}",
            file=str(path),
            key=_KEY,
            hint="name the right file, relative to gateway.toml or with its whole path, and let this user read it",
        ) from None
