"""The page about the plant matches the register map."""

from __future__ import annotations

from pathlib import Path

from sealbus.simulation import render_plant

_PAGE = Path(__file__).parents[3] / "docs" / "simulated-plant.md"


def test_the_page_is_rendered_from_the_register_map() -> None:
    assert _PAGE.read_text(encoding="utf-8") == render_plant(), (
        "run: sealbus simulate --registers > docs/simulated-plant.md"
    )
