"""The tags of the templates."""

__all__: list[str] = []
