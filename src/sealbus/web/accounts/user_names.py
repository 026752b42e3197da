"""Which texts are user names: letters and digits of ASCII, with `. _ @ + -` between them.

A name is what the audit shows for a person, so no name may look like another: letters of other alphabets look like those of
ASCII, and a name of dots or one with a dot at its end reads as a path. Names of actors that are no user are reserved.
People have a second name, for display, without these limits.
"""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

from sealbus.web.access.subject import SHELL, ActorKind

__all__ = ["validate_user_name"]

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._@+-]*[A-Za-z0-9])?")
_RESERVED = frozenset({SHELL.actor.name, "setup", *(kind.value for kind in ActorKind)})


def validate_user_name(name: str) -> None:
    """Raise ValidationError for a text that is no user name."""
    if not _NAME.fullmatch(name):
        raise ValidationError("letters a to z and digits only, with . _ @ + - between them", code="invalid")
    if name.lower() in _RESERVED:
        raise ValidationError("this name is reserved: choose another one", code="reserved")
