"""Tags of the plant's templates: signs of devices, bars, numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from sealbus.samples import US_PER_S
from sealbus.web.pages.values import age_text, number_text, value_text

if TYPE_CHECKING:
    from sealbus.web.pages.plant.health import Health

__all__ = ["as_value", "hexword", "item", "moment", "register", "seconds", "short", "sign"]

register = template.Library()


@register.simple_tag
def sign(health: Health) -> SafeString:
    """The framed letter after NAMUR NE 107. The words stand beside it, so a screen reader is told nothing twice."""
    if health.is_well:
        return SafeString('<span class="sign well" aria-hidden="true">✓</span>')
    return format_html(
        '<span class="sign" aria-hidden="true" title="{}">{}</span>', health.sign.word, health.sign.value
    )


@register.filter
def short(value: Any) -> str:
    """A number as people write it: 1 and not 1.0. Empty for None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    return number_text(float(value), None)


@register.filter
def moment(time_us: int | None) -> datetime | None:
    """The time of a sample or a state, for `date`."""
    return None if time_us is None else datetime.fromtimestamp(time_us // US_PER_S, UTC)


@register.filter
def seconds(value: float) -> str:
    """A duration in its largest unit."""
    return age_text(value) if value >= 1 else f"{1000 * value:.0f} ms"


@register.filter
def hexword(value: int) -> str:
    """A register in hexadecimal."""
    return f"{value:04X}"


@register.filter
def item(mapping: Any, key: Any) -> Any:
    """A member of a mapping; None without, or without a mapping."""
    return mapping.get(key) if mapping else None


@register.filter
def as_value(value: Any, tag: Any) -> str:
    """A value as its tag is shown."""
    return value_text(value, tag.decimals, tag.enumeration)
