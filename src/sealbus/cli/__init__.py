"""The command line: one file per verb, and the only place that puts everything together.

It refuses to hold logic of its own: a verb reads its words, calls one thing, and prints. Exit status 0 done, 1 failed,
2 wrong usage or configuration, with one line on stderr that names the file, the key and the mend.
"""

from sealbus.cli.app import main

__all__ = ["main"]
