"""The REST views of devices: each reads its request, calls one service or query, and renders."""

__all__: list[str] = []
