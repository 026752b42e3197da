"""The text of a value on the server: the same vectors as for the browser, `frontend/test/format.test.ts`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from sealbus.web.pages.values import DASH, age_text, number_text, value_text

_VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "value_texts.json").read_text())


@pytest.mark.parametrize("case", _VECTORS["numbers"], ids=lambda case: case["text"])
def test_a_number_is_written_as_in_the_browser(case: dict[str, Any]) -> None:
    with translation.override(case["lang"]):
        assert number_text(float(case["value"]), case["decimals"]) == case["text"]


def test_no_value_is_a_dash_and_never_zero() -> None:
    assert value_text(None, 2) == DASH


def test_a_number_with_a_label_is_its_label() -> None:
    labels = {"0": "closed", "1": "open"}
    assert [value_text(each, None, labels) for each in (1, 1.0, False, 2)] == ["open", "open", "closed", "2"]


def test_an_age_is_in_the_largest_unit_that_it_fills() -> None:
    assert [age_text(each) for each in (0, 59.9, 60, 3599, 172_799, 172_800, -5)] == [
        "0 s", "59 s", "1 min", "59 min", "47 h", "2 d", "0 s",
    ]  # fmt: skip
