"""The files that a gateway.toml names: each must be readable before anything starts.

The error names the key as well as the file. A path is often wrong because it is relative to another folder than its author
had in mind, and then the line that has it is what must be changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.endpoints import parse_endpoint
from sealbus.text_files import refuse_content, why_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.document import Document
    from sealbus.document import Path as Key
    from sealbus.gateway.config import GatewayFile

__all__ = ["check_named_files"]

_HINT = "name the right file, relative to this one or with its whole path, and let this user read it"


def check_named_files(document: Document, file: GatewayFile) -> None:
    """Raise ConfigError for the first file of `file` that cannot be read; `document` has the lines of its keys."""
    for key, name in _named_files(file):
        refuse_content(name, key=".".join(map(str, key)))
        path = Path(name).expanduser()
        if (reason := why_unreadable(path)) is not None:
            raise document.error(key, f"{path} cannot be read: {reason}", hint=_HINT)


def _named_files(file: GatewayFile) -> Iterator[tuple[Key, str]]:
    if file.identity is not None:
        for key in ("certificate", "key", "trust", "crl"):
            for name in getattr(file.identity, key):
                yield ("identity", key), name
        if file.identity.passphrase_file:
            yield ("identity", "passphrase_file"), file.identity.passphrase_file
    for number, listener in enumerate(file.listener):
        if listener.policy:
            yield ("listener", number, "policy"), listener.policy
        for place, device in enumerate(listener.device):
            forward = parse_endpoint(device.url).forward
            for name in () if forward is None else (forward.key, forward.known_hosts):
                if name:
                    yield ("listener", number, "device", place, "url"), name
