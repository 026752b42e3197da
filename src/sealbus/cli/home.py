"""The state folder: `--home`, else SEALBUS_HOME, else `var/` in a checkout, else the state folder of the platform."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["state_home"]


def state_home(option: Path | None = None) -> Path:
    """The path of the state folder. Processes that write to it create it."""
    if option is not None:
        return option
    if named := os.environ.get("SEALBUS_HOME", ""):
        return Path(named)
    checkout = Path(__file__).parents[3]
    if (checkout / "pyproject.toml").is_file() and (checkout / "src" / "sealbus").is_dir():
        return checkout / "var"
    if base := os.environ.get("STATE_DIRECTORY", ""):  # systemd's StateDirectory=
        return Path(base.split(":")[0])
    return Path(os.environ.get("XDG_STATE_HOME", "") or Path.home() / ".local" / "state") / "sealbus"
