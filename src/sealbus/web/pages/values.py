"""How a value is written. The browser writes it the same way (`frontend/src/format.ts`): nothing jumps when it goes live."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from sealbus.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.samples import Sample, SampleValue

__all__ = ["DASH", "QUALITIES", "REASONS", "age_text", "number_text", "quality_of", "value_text"]

DASH = "–"  # noqa: RUF001 - the sign for "no value"
_MINUS = "−"  # noqa: RUF001 - as wide as a digit
_SIGNIFICANT = 5
_SMALL, _LARGE = 1e-4, 1e9
QUALITIES = {
    Quality.GOOD: "good",
    Quality.UNCERTAIN: "uncertain",
    Quality.BAD: "bad",
    Quality.STALE: "stale",
}
"""The values of `data-q`."""
REASONS = (
    "",
    _("no connection to the device"),
    _("the device did not answer"),
    _("the device refused"),
    _("the device has no such address"),
    _("not allowed by the gateway, or unknown to the device"),
    _("the device answered wrongly"),
    _("the device says: not available"),
    _("the registers do not fit the type"),
    _("not computable: an input is missing"),
    _("outside the range of the tag"),
    _("not read for too long"),
    _("not polled"),
)
"""By `Reason`. Words for people; the API has the numbers."""


def value_text(value: SampleValue | None, decimals: int | None, labels: Mapping[str, str] | None = None) -> str:
    """The text of a value in the language of the page."""
    if value is None:
        return DASH
    if isinstance(value, str):
        return value or "“”"
    label = (labels or {}).get(str(int(value) if isinstance(value, bool) or float(value).is_integer() else value))
    if label is not None:
        return label
    if isinstance(value, bool):
        return str(_("on") if value else _("off"))
    return number_text(float(value), decimals)


def number_text(value: float, decimals: int | None) -> str:
    """A number with these decimals; without, with five significant digits and no zeros at the end."""
    text = _free(value) if decimals is None else f"{value:.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        text = text.replace("-", "")
    if (get_language() or "").startswith("de"):
        text = text.replace(".", ",")
    return text.replace("-", _MINUS)


def _free(value: float) -> str:
    size = abs(value)
    if size != 0 and (size >= _LARGE or size < _SMALL):
        mantissa, _e, exponent = f"{value:.3e}".partition("e")
        return f"{mantissa}e{'-' if exponent[0] == '-' else '+'}{exponent[1:].lstrip('0') or '0'}"
    if value.is_integer():
        return f"{value:.0f}"
    text = f"{value:.{max(0, _SIGNIFICANT - math.floor(math.log10(size)) - 1)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def age_text(seconds: float) -> str:
    """An age in the largest unit that it fills: "4 min". Nothing is rounded up."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} {_('s')}"
    if whole < 3600:
        return f"{whole // 60} {_('min')}"
    if whole < 2 * 86400:
        return f"{whole // 3600} {_('h')}"
    return f"{whole // 86400} {_('d')}"


def quality_of(sample: Sample | None) -> str:
    """The value of `data-q`."""
    return "bad" if sample is None else QUALITIES[sample.quality]
