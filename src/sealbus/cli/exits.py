"""From errors to exit status and one line on stderr: the one table of the command line.

0 done; 1 the operation failed (device, denial, silence); 2 wrong usage or configuration.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from sealbus.errors import ConfigError, LocalError, SealbusError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FAILED", "INTERRUPTED", "WRONG_USAGE", "one_line_errors", "quit_with"]

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Within it, an error of Sealbus ends the program with its one line and its status."""
    try:
        yield
    except (ConfigError, LocalError) as error:
        quit_with(str(error), WRONG_USAGE)
    except SealbusError as error:
        quit_with(str(error), FAILED)
    except KeyboardInterrupt:
        quit_with("interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; there is nobody to tell
        raise SystemExit(FAILED) from None
    except OSError as error:
        quit_with(f"{error.filename or 'the output'}: {error.strerror}", FAILED)


def quit_with(message: str, status: int) -> NoReturn:
    """End the program with this line on stderr."""
    print(f"sealbus: {message}", file=sys.stderr)
    raise SystemExit(status)
