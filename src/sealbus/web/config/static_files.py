"""Static files over ASGI: whitenoise chooses the file and its headers, the event loop sends it.

Inside Django a file would hold a worker thread as long as its client reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from whitenoise import WhiteNoise

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from whitenoise.responders import Response

__all__ = ["StaticFiles"]

_CHUNK = 64 * 1024
_GIVEN = {
    b"if-none-match": "HTTP_IF_NONE_MATCH",
    b"if-modified-since": "HTTP_IF_MODIFIED_SINCE",
    b"accept-encoding": "HTTP_ACCEPT_ENCODING",
}
"""No ranges: every answer with the same headers has the same bytes, which are in memory once."""


class StaticFiles:
    """All static files of the installed apps, from the packages: no collectstatic, no stale copies."""

    def __init__(self) -> None:
        self._files = WhiteNoise(None, allow_all_origins=False)
        self._contents: dict[tuple[str, str], bytes] = {}
        for finder in get_finders():
            for path, storage in finder.list([]):
                url = f"{settings.STATIC_URL}{path}".replace("\\", "/")
                self._files.add_file_to_dictionary(url, storage.path(path))

    async def serve(self, scope: Any, send: Callable[[Any], Awaitable[None]]) -> bool:
        """Send the file, a chunk at a time, when the client has read the one before. False if there is no such file."""
        file = self._files.files.get(scope["path"])
        if file is None:
            return False
        environ = {_GIVEN[name]: value.decode("latin-1") for name, value in scope["headers"] if name in _GIVEN}
        response = file.get_response(scope["method"], environ)
        content = self._content(scope["path"], response)
        headers = [(name.lower().encode(), value.encode()) for name, value in response.headers]
        await send({"type": "http.response.start", "status": int(response.status), "headers": headers})
        for start in range(0, len(content), _CHUNK):
            await send({"type": "http.response.body", "body": content[start : start + _CHUNK], "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return True

    def _content(self, path: str, response: Response) -> bytes:
        """The bytes of a file. It is read once, so that slow clients hold no descriptors and no copies."""
        if response.file is None:
            return b""
        with response.file as opened:
            key = (path, dict(response.headers).get("Content-Encoding", ""))
            if key not in self._contents:
                self._contents[key] = opened.read()
        return self._contents[key]
