"""What does this word mean, and what do I check? One paragraph and one example for each term, reason and field."""

__all__: list[str] = []
