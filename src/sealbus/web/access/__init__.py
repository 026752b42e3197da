"""May this caller do this? The gate in front of every page, route and socket, and the rights that it checks.

The caller is a `Subject`, a value that `accounts` builds. A view declares what it needs as a `Requirement`; a view that
declares nothing is closed. The package does not depend on accounts, devices, or the wording of answers.
"""

__all__: list[str] = []
