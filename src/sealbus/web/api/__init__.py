"""The routes of `/api/v1` in one place, the OpenAPI document, and health."""

__all__: list[str] = []
