"""The page about the plant says what the plant does."""

from __future__ import annotations

from pathlib import Path

from sealbus.simulation import render_plant

_PAGE = Path(__file__).parents[3] / "docs" / "simulated-plant.md"


def test_the_page_is_the_table_that_the_devices_run_on() -> None:
    assert _PAGE.read_text(encoding="utf-8") == render_plant(), (
        "run: sealbus simulate --registers > docs/simulated-plant.md"
    )
