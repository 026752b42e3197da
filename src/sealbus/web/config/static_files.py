"""Static files over ASGI: whitenoise chooses the file and its headers, the event loop sends it.

Inside Django a file would hold a worker thread as long as its client reads.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from whitenoise import WhiteNoise

from sealbus.web.pages.assets import version_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from whitenoise.responders import Response

__all__ = ["StaticFiles"]

_FOR_GOOD = "max-age=31536000, public, immutable"
_PACKED = (".js", ".css", ".svg")

_CHUNK = 64 * 1024
_GIVEN = {
    b"if-none-match": "HTTP_IF_NONE_MATCH",
    b"if-modified-since": "HTTP_IF_MODIFIED_SINCE",
}
"""No ranges: every answer with the same headers has the same bytes, which are in memory once."""


class StaticFiles:
    """All static files of the installed apps, from the packages: no collectstatic, no stale copies."""

    def __init__(self) -> None:
        self._files = WhiteNoise(None, allow_all_origins=False)
        self._contents: dict[tuple[str, bool], bytes] = {}
        for finder in get_finders():
            for path, storage in finder.list([]):
                url = f"{settings.STATIC_URL}{path}".replace("\\", "/")
                self._files.add_file_to_dictionary(url, storage.path(path))

    async def serve(self, scope: Any, send: Callable[[Any], Awaitable[None]]) -> bool:
        """Send the file, a chunk at a time, when the client has read the one before. False if there is no such file."""
        path: str = scope["path"]
        file = self._files.files.get(path)
        if file is None:
            return False
        environ = {
            _GIVEN[name]: value.decode("latin-1").replace('-gzip"', '"')
            for name, value in scope["headers"]
            if name in _GIVEN
        }
        response = file.get_response(scope["method"], environ)
        headers = dict(response.headers)
        name = path.removeprefix(str(settings.STATIC_URL))
        if scope["query_string"] == f"v={version_of(name)}".encode():
            headers["Cache-Control"] = _FOR_GOOD  # the URL changes with the bytes
        is_packed = path.endswith(_PACKED)
        if is_packed:
            headers["Vary"] = "Accept-Encoding"
        is_packed = is_packed and response.file is not None and _takes_gzip(scope["headers"])
        content = self._content(path, response, is_packed=is_packed)
        if is_packed:
            headers |= {"Content-Encoding": "gzip", "Content-Length": str(len(content))}
            if "ETag" in headers:
                headers["ETag"] = f'{headers["ETag"][:-1]}-gzip"'
        sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": int(response.status), "headers": sent})
        for start in range(0, len(content), _CHUNK):
            await send({"type": "http.response.body", "body": content[start : start + _CHUNK], "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return True

    def _content(self, path: str, response: Response, *, is_packed: bool) -> bytes:
        """The bytes of a file. It is read and packed once, so that slow clients hold no descriptors and no copies."""
        if response.file is None:
            return b""
        with response.file as opened:
            key = (path, is_packed)
            if key not in self._contents:
                content: bytes = opened.read()
                self._contents[key] = gzip.compress(content, 9, mtime=0) if is_packed else content
        return self._contents[key]


def _takes_gzip(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the client takes gzip. A weight of zero ("gzip;q=0") is a no, which no browser sends."""
    return any(name == b"accept-encoding" and b"gzip" in value and b"gzip;q=0" not in value for name, value in headers)
