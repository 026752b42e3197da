"""The files that options name: each is readable before anything is dialled, or the error names the option and the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.cli.log import print_text
from sealbus.errors import ConfigError, LocalError
from sealbus.security import Identity
from sealbus.text_files import refuse_content, why_unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_option_files", "load_identity"]


def check_option_files(**files: Path | Sequence[Path] | None) -> None:
    """Raise ConfigError for the first file that cannot be read; `passphrase_file` is that of `--passphrase-file`."""
    for name, given in files.items():
        for path in [given] if isinstance(given, Path) else given or ():
            refuse_content(path, key=f"--{name.replace('_', '-')}")
            if (reason := why_unreadable(path)) is not None:
                raise ConfigError(
                    f"{path} cannot be read: {reason}",
                    key=f"--{name.replace('_', '-')}",
                    hint="name the right file, and let this user read it",
                )


def load_identity(certificate: Path | None, key: Path | None, passphrase_file: Path | None) -> Identity | None:
    """The own identity, or None without these options; its warnings go to stderr. Raises ConfigError, LocalError."""
    if (certificate is None) != (key is None):
        raise LocalError("--certificate and --key belong together; give both")
    if certificate is None or key is None:
        return None
    check_option_files(certificate=certificate, key=key, passphrase_file=passphrase_file)
    password = passphrase_file.read_bytes().rstrip(b"\r\n") if passphrase_file else None
    identity = Identity.load(certificate, key, password)
    for warning in identity.warnings:
        print_text(f"warning: {warning}", to_stderr=True)
    return identity
