"""A checksum in the first line of a policy, for policies that a program writes.

    # sha256: <64 hexadecimal digits, the SHA-256 of all bytes after this line>

Part of a policy may grant more than the whole: a rule that is cut before its `max` has no limit. With a checksum, a part is
an error. The line is the first one, so that a file cut at any place either has it and does not match, or grants nothing.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from sealbus.errors import ConfigError

__all__ = ["check_checksum"]

_FIRST_LINE: Final = re.compile(r"#\s*sha256\s*:\s*(.*?)\s*", re.IGNORECASE)


def check_checksum(text: str, *, file: str) -> None:
    """Raises ConfigError if the first line of the policy `text` states a checksum and it is not that of the rest."""
    first, _, rest = text.removeprefix("\ufeff").partition("\n")
    stated = _FIRST_LINE.fullmatch(first)
    # A checksum that is not complete is wrong as well: the file may be cut within it.
    if stated and stated[1].lower() != hashlib.sha256(rest.encode("utf-8", "surrogatepass")).hexdigest():
        raise ConfigError(
            "the checksum in the first line is not that of the lines after it: the file is incomplete or was changed",
            file=file,
            line=1,
            hint="write it again as a whole, or remove the first line if it was changed by hand",
        )
