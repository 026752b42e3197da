"""Who did what, when, from where, and with which result? A chain that nobody can change unnoticed, and nobody at all
from within.

It keeps plain words, not references: a record outlives the account, the device and the rule it speaks of. It refuses
to interpret.
"""

__all__: list[str] = []
