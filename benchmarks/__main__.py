"""`python -m benchmarks`."""

import sys

from benchmarks.run import main

__all__: list[str] = []

sys.exit(main())
