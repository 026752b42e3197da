"""The configuration database from a URL: SQLite on one machine, PostgreSQL for several. A connection over a network that
is not encrypted and verified is refused (W5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sealbus.endpoints import canonical_host, is_loopback_address
from sealbus.errors import ConfigError

__all__ = ["Database", "parse_database"]

_SHORTEST_PASSWORD = 12
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SAFE_MODES = ("verify-full", "verify-ca")


@dataclass(frozen=True, slots=True)
class Database:
    """The location of the database. `options` are those of libpq."""

    path: Path | None = None
    host: str = ""
    port: int = 5432
    name: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def is_server(self) -> bool:
        """Whether it is PostgreSQL, not a file."""
        return self.path is None

    def django(self) -> dict[str, Any]:
        """The entry of Django's DATABASES."""
        if self.path is not None:
            pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=10000;"
            return {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(self.path),
                "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": pragmas, "timeout": 10},
            }
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.name,
            "USER": self.user,
            "PASSWORD": self.password,
            "HOST": self.host,
            "PORT": self.port,
            "CONN_HEALTH_CHECKS": True,
            "CONN_MAX_AGE": 60,
            "OPTIONS": {"connect_timeout": 5, **dict(self.options)},
        }


def parse_database(url: str, key: str) -> Database:
    """The database of a URL. Raises ConfigError that names `key` and never contains the password."""
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket
        raise ConfigError("the URL cannot be read", key=key, hint="percent-encode [ and ] in the password") from None
    if _BAD_PERCENT.search(url):
        raise ConfigError("the URL has a % that encodes nothing", key=key, hint="percent-encode % as %25")
    if parts.scheme == "sqlite":
        path = Path(unquote(parts.path[1:]))  # sqlite:////absolute, as other programs write it
        if not path.is_absolute():
            raise ConfigError(
                "the path is not absolute", key=key, hint="write sqlite:////absolute/path or leave it out"
            )
        return Database(path=path)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ConfigError(
            "the URL is neither of SQLite nor of PostgreSQL",
            key=key,
            hint="write postgresql://USER:PASSWORD@HOST/NAME or leave it out",
        )
    try:
        host, port = unquote(parts.hostname or ""), parts.port or 5432
    except ValueError:
        raise ConfigError("the port is not a number from 1 to 65535", key=key, hint="write HOST:PORT") from None
    options = dict(parse_qsl(parts.query))
    host = options.pop("host", host)
    host = canonical_host(host) or host  # a folder of sockets stays as it is
    unsafe = options.pop("unsafe_plain_database", "") == "1"
    name, password = parts.path.strip("/"), unquote(parts.password or "")
    if not name or not parts.username:
        raise ConfigError(
            "the user or the name of the database is missing",
            key=key,
            hint="write postgresql://USER:PASSWORD@HOST/NAME",
        )
    if not _is_local(host) and not unsafe:
        _check_remote(password, options, key)
    return Database(
        host=host,
        port=port,
        name=unquote(name),
        user=unquote(parts.username),
        password=password,
        options=tuple(sorted(options.items())),
    )


def _is_local(host: str) -> bool:
    return host in ("", "localhost") or host.startswith("/") or is_loopback_address(host)


def _check_remote(password: str, options: dict[str, str], key: str) -> None:
    if len(password) < _SHORTEST_PASSWORD:
        raise ConfigError(
            f"the password is shorter than {_SHORTEST_PASSWORD} characters",
            key=key,
            hint="give the user a strong one",
        )
    if options.get("sslmode") not in _SAFE_MODES:
        raise ConfigError(
            "the connection would not be encrypted and verified",
            key=key,
            hint="add ?sslmode=verify-full&sslrootcert=FILE, or unsafe_plain_database=1 on a separate network",
        )
