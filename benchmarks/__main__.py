"""`python -m benchmarks`."""

import sys

from benchmarks.command import main

__all__: list[str] = []

sys.exit(main())
