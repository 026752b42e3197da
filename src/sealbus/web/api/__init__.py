"""The routes of `/api/v1` in one place, and the document that describes them."""

__all__: list[str] = []
