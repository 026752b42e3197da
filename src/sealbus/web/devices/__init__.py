"""What does the site consist of? Connections, devices, tags, templates, and commands.

It stores what the collector shall do and shows what it did. It refuses to reach a device: nothing here can.
"""

__all__: list[str] = []
