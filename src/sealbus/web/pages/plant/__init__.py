"""What is connected, and is it well? Devices, tags, and the faceplate of every value."""

__all__: list[str] = []
