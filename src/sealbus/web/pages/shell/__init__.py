"""What every page shares: its frame, its places, its answers to htmx."""

__all__: list[str] = []
