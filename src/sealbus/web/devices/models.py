"""Connections, devices, tags, templates and commands."""

__all__: list[str] = []
