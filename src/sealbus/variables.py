"""The names of the variables. One that is not among them is refused: a misspelt setting would be left out in silence.

A site whose SEALBUS_DATABASE is misspelt would start with an empty SQLite file, and one whose SEALBUS_HOME is misspelt
would be made elsewhere. The site asks when it boots, every command when it begins.

Kubernetes sets variables of its own for each service in a namespace, whose names begin with that of the service: those are
not settings, and pass.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KNOWN", "refuse_unknown"]

_TEXTS: Final = (
    "BUS", "DATABASE", "HISTORY", "LISTEN", "METRICS", "OIDC_CLIENT_ID", "OIDC_NAME", "OIDC_SECRET", "OIDC_URL",
    "PUBLIC_URL", "SECRET_KEY", "SECURITY_CONTACT", "SYSLOG_URL", "TIME_ZONE", "TRUSTED_PROXIES",
)  # fmt: skip
_PATHS: Final = ("HOME", "SYSLOG_CERTIFICATE", "SYSLOG_KEY", "SYSLOG_TRUST", "TLS_CERTIFICATE", "TLS_KEY")
_OF_OTHER_COMMANDS: Final = ("CA_PASSPHRASE", "RECORDS")
KNOWN: Final = frozenset(
    f"SEALBUS_{name}" for name in (*_TEXTS, *(f"{each}_FILE" for each in _TEXTS), *_PATHS, *_OF_OTHER_COMMANDS)
)
"""All variables of Sealbus. Each text may be in a file instead, which `*_FILE` names."""

_SERVICE = re.compile(
    r"SEALBUS_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)"
)


def refuse_unknown(variables: Mapping[str, str]) -> None:
    """Raises ConfigError for the first variable `SEALBUS_*` that has a value and is none of Sealbus."""
    for name in sorted(variables):
        if (
            not name.startswith("SEALBUS_")
            or name in KNOWN
            or not variables[name]
            or _is_service(name, variables[name])
        ):
            continue
        import difflib  # only for the error: commands start without it

        near = difflib.get_close_matches(name.upper(), KNOWN, n=1)
        hint = f"did you mean {near[0]}? Or remove it" if near else "remove it; docs/site.md lists the variables"
        raise ConfigError("there is no such variable", key=name, hint=hint)


def _is_service(name: str, value: str) -> bool:
    return bool(_SERVICE.fullmatch(name)) or (name.endswith("_PORT") and "://" in value)
