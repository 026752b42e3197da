"""From errors to exit status and one line on stderr: the one table of the command line.

0 done; 1 the operation failed (device, denial, silence); 2 wrong usage, wrong configuration, or a part of Sealbus that
is not installed.
"""

from __future__ import annotations

import logging
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from sealbus.cli.log import print_line
from sealbus.errors import ConfigError, LocalError, SealbusError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FAILED", "INTERRUPTED", "WRONG_USAGE", "one_line_errors", "quit_with"]

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130

_EXTRAS = {
    "site": ("django", "numpy", "psycopg", "redis", "rest_framework", "uvicorn", "zmq"),
    "parquet": ("pyarrow",),
    "serial": ("serial",),
    "ssh": ("asyncssh",),
}
"""The first modules of each extra of pyproject.toml that an import would miss."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Within it, an error of Sealbus ends the program with its one line and its status."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # see `main`
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except (ConfigError, LocalError) as error:
        quit_with(str(error), WRONG_USAGE)
    except SealbusError as error:
        quit_with(str(error), FAILED)
    except KeyboardInterrupt:
        quit_with("interrupted", INTERRUPTED)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        extra = next((name for name, modules in _EXTRAS.items() if missing in modules), None)
        if extra is None:
            raise
        quit_with(f'{missing} is not installed, which this command needs; pip install "sealbus[{extra}]"', WRONG_USAGE)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the output is closed, and often the terminal too
        raise SystemExit(FAILED) from None
    except OSError as error:
        quit_with(f"{error.filename or 'the output'}: {error.strerror}", FAILED)


def quit_with(message: str, status: int) -> NoReturn:
    """End the program with this line on stderr."""
    print_line(f"sealbus: {message}", level=logging.ERROR)
    raise SystemExit(status)
