"""What is there to see and steer? Connections, devices, tags, templates, and the commands that people give.

It stores what the collector shall do and shows what it did. It refuses to reach a device: nothing here can.
"""

__all__: list[str] = []
