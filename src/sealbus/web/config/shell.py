"""What the operator does from the shell of the site's machine: links for signing in, and the audit verified and exported.

A user of that shell can read and write the database, so its subject (`SHELL`) has all rights; everything is in the audit.
`shell_error` is the table of this surface.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings

from sealbus.errors import ConfigError, LocalError, SealbusError
from sealbus.web.access.subject import SHELL
from sealbus.web.accounts import services as accounts
from sealbus.web.accounts.models import User
from sealbus.web.audit.checkpoints import noted_heads, parse_head
from sealbus.web.audit.export import as_csv, as_json_lines
from sealbus.web.audit.services import begin_export
from sealbus.web.audit.verification import ChainReport, verify_chain
from sealbus.web.config.migration import explained_database
from sealbus.web.errors import ROW, Conflict, Forbidden, Invalid, NotFound, WebError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealbus.web.audit.queries import EntryFilter
    from sealbus.web.config.environment import Environment

__all__ = [
    "export_entries",
    "make_emergency_link",
    "make_password_link",
    "make_setup_link",
    "shell_error",
    "verify_entries",
]

_REFUSED = (Forbidden, NotFound, Conflict)


def make_setup_link() -> str:
    """The link that creates the first administrator. Raises LocalError if there is one."""
    with _explained():
        return accounts.setup_link()


def make_emergency_link(hours: float) -> str:
    """A link to a view of everything, without an account, for some hours. Raises ConfigError for too many hours."""
    with _explained():
        return accounts.emergency_link(hours)


def make_password_link(username: str) -> str:
    """The link with which this user sets a new password. Raises LocalError if there is no such user."""
    with _explained():
        user = User.objects.filter(username=username).first()
        if user is None:
            raise LocalError(f"there is no user {username!r}")
        return accounts.password_link(subject=SHELL, user=user).url


def verify_entries(noted: str, progress: Callable[[int, int], None]) -> ChainReport:
    """Walk the audit, and compare it with `noted` and with the heads noted in the state folder."""
    given = parse_head(noted)
    if noted and given is None:
        raise ConfigError(
            f"{noted!r} is not NUMBER:HASH", key="--noted", hint="copy it from the output of an earlier verify"
        )
    with _explained():
        return verify_chain([*noted_heads(_site().home), *([given] if given else [])], progress)


def export_entries(*, kind: str, wanted: EntryFilter) -> Iterator[bytes]:
    """The audit as JSON lines, or as CSV, piece by piece."""
    with _explained():
        entries = begin_export(subject=SHELL, wanted=wanted, kind=kind)
        yield from as_csv(entries) if kind == "csv" else as_json_lines(entries)


def shell_error(error: WebError, *, file: str | None = None) -> SealbusError:
    """The table of the shell: what cannot be used is status 2 (ConfigError), what is refused or fails is status 1."""
    if isinstance(error, Invalid):
        (name, texts), *_ = error.problems.items()
        return ConfigError("; ".join(texts), file=file, key=None if name == ROW else name)
    if isinstance(error, _REFUSED):
        return LocalError(f"{file}: {error.text}" if file else error.text)
    return error


def _site() -> Environment:
    site: Environment = settings.SEALBUS  # type: ignore[misc]  # ours
    return site


@contextmanager
def _explained() -> Iterator[None]:
    """Within it, a database that does not answer and a service that refuses become errors with one line."""
    with explained_database(_site()):
        try:
            yield
        except WebError as error:
            raise shell_error(error) from None
