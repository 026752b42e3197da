"""May this caller do this? The gate in front of every page, route and socket, and the rights that it checks.

The caller is a `Subject`, a value that `accounts` builds. A view declares what it needs as a `Requirement`; a view that
declares nothing is closed. The package knows nothing of accounts, devices, or how an answer is worded.
"""

__all__: list[str] = []
