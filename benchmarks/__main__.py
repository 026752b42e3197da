"""`python -m benchmarks`."""

import sys

from benchmarks.main import main

__all__: list[str] = []

sys.exit(main())
