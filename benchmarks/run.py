"""`python benchmarks/run.py`, from any folder: the same as `python -m benchmarks` in the checkout."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.main import main  # noqa: E402

__all__: list[str] = []

sys.exit(main())
