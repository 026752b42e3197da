"""The overview: is anything wrong, anywhere, and is it safe?"""

__all__: list[str] = []
