"""Errors of the site's domain. Services raise these, and nothing of REST, HTML or Django.

Each surface words them at one place: `web.http.rest_errors` (problem documents), `web.config.error_pages` (pages, with the
same status) and `web.config.shell` (exit status). `code` is stable and for programs; the text is for the user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.errors import SealbusError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ROW", "Conflict", "Forbidden", "Invalid", "NotFound", "TooMany", "Unavailable", "WebError"]

ROW = "non_field_errors"
"""The key of `Invalid.problems` for a problem of the whole row."""


class WebError(SealbusError):
    """The root. A class has a standard code and text; `code` and `text` make one error more exact."""

    code = "web"
    standard_text = "This is not possible"

    def __init__(self, text: str = "", *, code: str = "") -> None:
        super().__init__(text or self.standard_text)
        if code:
            self.code = code  # type: ignore[misc]  # the root declares a class variable; one error may be more exact

    @property
    def text(self) -> str:
        """One sentence for the user."""
        return str(self)


class NotFound(WebError):
    """The object does not exist or is not visible to the caller. The text must not show which."""

    code = "not-found"
    standard_text = "Not found."


class Forbidden(WebError):
    """The caller lacks the right, or the secret that was sent is not valid."""

    code = "no-right"
    standard_text = "You do not have the right to do this"


class Conflict(WebError):
    """The request is valid, but not possible in the present state."""

    code = "conflict"
    standard_text = "This is not possible in the present state"


class Invalid(WebError):
    """Values that cannot be used. `problems` maps each member to its problem; "non_field_errors" is the row."""

    code = "invalid"
    standard_text = "The request cannot be used"

    def __init__(self, problems: Mapping[str, Sequence[str]], *, code: str = "") -> None:
        self.problems = {name: list(texts) for name, texts in problems.items()}
        lines = [text if name == ROW else f"{name}: {text}" for name, texts in problems.items() for text in texts]
        super().__init__("; ".join(lines), code=code)


class TooMany(WebError):
    """A limit is used up; possible again in `wait_s` seconds."""

    code = "throttled"
    standard_text = "Too many requests"

    def __init__(self, wait_s: float, text: str = "", *, code: str = "") -> None:
        super().__init__(text, code=code)
        self.wait_s = wait_s


class Unavailable(WebError):
    """Something that the site needs does not answer now; try again in `wait_s` seconds."""

    code = "unavailable"
    standard_text = "Not possible now: try again in a moment"

    def __init__(self, wait_s: float, text: str = "", *, code: str = "") -> None:
        super().__init__(text, code=code)
        self.wait_s = wait_s
