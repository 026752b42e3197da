"""What happened, and is the record whole? The audit as pages. Nothing here changes anything."""

__all__: list[str] = []
