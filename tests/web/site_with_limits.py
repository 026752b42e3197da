"""`sealbus web serve` with deadlines of a test: what production waits ten seconds for, a test need not.

    python -m web.site_with_limits HOME HOST:PORT '{"head_s": 0.5, "live": {"silence_s": 2.0}}'

The program itself has no way to change them. All else is what the command does.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sealbus import web
from sealbus.cli.exits import one_line_errors
from sealbus.cli.log import LogFormat, start_log
from sealbus.cli.readiness import say

if TYPE_CHECKING:
    from sealbus.web.config.limits import ServerLimits

__all__ = ["command"]


def command(home: Path, listen: str, limits: ServerLimits) -> list[str]:
    """The command line; it needs `src` and `tests` in PYTHONPATH."""
    return [sys.executable, "-m", "web.site_with_limits", str(home), listen, json.dumps(asdict(limits))]


def _serve(home: str, listen: str, text: str) -> None:
    with one_line_errors():
        start_log(LogFormat.PLAIN, also=("django", "uvicorn"))
        web.boot(Path(home), {**os.environ, "SEALBUS_LISTEN": listen})
        from sealbus.web.config.limits import ServerLimits
        from sealbus.web.config.serving import serve_site
        from sealbus.web.trends.limits import LiveLimits

        given = json.loads(text)
        serve_site(say, ServerLimits(**given | {"live": LiveLimits(**given["live"])}))


if __name__ == "__main__":
    _serve(*sys.argv[1:])
