"""The command line: one file per verb, and the only place that puts everything together.

It has no logic of its own: a verb reads its arguments, calls one function, and prints. Exit status 0 done, 1 failed,
2 wrong usage or configuration, with one line on stderr that names the file, the key and what to write instead.
"""

from __future__ import annotations

import signal

__all__ = ["main"]


def main() -> None:
    """Run the command line.

    While modules are still being imported there is nothing to clean up: Ctrl-C ends the process as it ends any program,
    without a traceback. From the start of a verb on it is a KeyboardInterrupt, see `exits`.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # not where the caller ignores it, as nohup does
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from sealbus.cli.app import run

        run()
    finally:
        signal.signal(signal.SIGINT, before)
