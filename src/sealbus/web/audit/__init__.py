"""Who did what, when, from where, and with which result? A hash chain of entries: a change from outside is detected, and
the site itself cannot change an entry.

An entry has plain words, not references: it outlives the account, the device and the rule that it names. The package
refuses to interpret entries.
"""

__all__: list[str] = []
