"""Where does state live? One folder: `--home`, else SEALBUS_HOME, else `var/` in a checkout, else the platform's place."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["state_home"]


def state_home(option: Path | None = None) -> Path:
    """The state folder. It is named here and made by whoever writes to it."""
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
