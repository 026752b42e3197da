"""May this caller enter? The one permission layer, in front of every page, route and socket.

It knows who asks only as a `Subject`, a value that `accounts` makes, and what a view asks for only as a
`Requirement`, which each view declares. What declares nothing is closed. It refuses to know accounts, devices or what
a view does.
"""

__all__: list[str] = []
