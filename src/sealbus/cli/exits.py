"""From errors to exit status and one line on stderr: the one table of the command line.

0 done; 1 the operation failed (device, denial, silence, what the site refuses); 2 wrong usage, wrong configuration, or a
part of Sealbus that is not installed.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from sealbus.cli.log import print_line
from sealbus.errors import ConfigError, LocalError, SealbusError
from sealbus.variables import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "WRONG_USAGE",
    "arguments_checked",
    "one_line_errors",
    "quit_if_not_installed",
    "quit_with",
]

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130

_EXTRAS = {
    "site": (
        "allauth", "argon2", "csp", "django", "drf_spectacular", "httptools", "jwt", "knox", "numpy", "psycopg", "qrcode",
        "redis", "rest_framework", "tzdata", "uvicorn", "websockets", "whitenoise", "zmq",
    ),
    "parquet": ("pyarrow",),
    "serial": ("serial",),
    "ssh": ("asyncssh",),
}  # fmt: skip
"""The modules of each extra of pyproject.toml."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Within it, an error of Sealbus ends the program with its one line and its status.

    The first is a misspelt variable: every command that does anything does it within.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # see `main`
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        refuse_unknown(os.environ)
        yield
    except ConfigError as error:
        quit_with(str(error), WRONG_USAGE)
    except SealbusError as error:
        quit_with(str(error), FAILED)
    except KeyboardInterrupt:
        quit_with("interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the output is closed, and often the terminal too
        raise SystemExit(FAILED) from None
    except OSError as error:
        quit_with(f"{error.filename or 'the output'}: {error.strerror}", FAILED)
    except Exception as error:  # an ImportError, or the error of a framework that has wrapped one
        quit_if_not_installed(error)
        raise


@contextmanager
def arguments_checked() -> Iterator[None]:
    """Within it, a LocalError says that an argument or an option cannot be used: wrong usage, not a failed operation."""
    try:
        yield
    except LocalError as error:
        raise ConfigError(str(error)) from error


def quit_if_not_installed(error: Exception) -> None:
    """End the program if the error comes from a missing package: name it, and what to install. Else return."""
    if missing := _missing_module(error):
        quit_with(f"{missing} is not installed, which this command needs; {_remedy(missing)}", WRONG_USAGE)


def _missing_module(error: BaseException | None) -> str:
    """The missing module at the bottom of an error, which a framework may have wrapped; empty if it is another error."""
    found = ""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            found = (error.name or "").partition(".")[0]
        error = error.__cause__ or error.__context__
    return "" if found == "sealbus" else found  # a module of our own is a bug, and shows its traceback


def _remedy(module: str) -> str:
    extra = next((name for name, modules in _EXTRAS.items() if module in modules), "")
    if not extra and "django" in sys.modules:  # what a package of the site needs itself
        extra = "site"
    return f'pip install "sealbus[{extra}]"' if extra else "pip install --force-reinstall sealbus"


def quit_with(message: str, status: int) -> NoReturn:
    """End the program with this line on stderr."""
    print_line(f"sealbus: {message}", level=logging.ERROR)
    raise SystemExit(status)
