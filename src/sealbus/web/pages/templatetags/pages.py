"""Tags of the templates: built files, icons, live values, fields of forms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from sealbus.samples import Quality
from sealbus.web.pages.assets import asset_url
from sealbus.web.pages.drawings import bar
from sealbus.web.pages.values import REASONS, number_text, quality_of, value_text

if TYPE_CHECKING:
    from sealbus.samples import Sample
    from sealbus.web.pages.forms import Form

__all__ = ["asset", "bar_tag", "field", "icon", "live", "number", "register"]

register = template.Library()


@register.simple_tag
def asset(name: str) -> str:
    """The URL of a built file."""
    return asset_url(name)


@register.simple_tag
def icon(name: str) -> SafeString:
    """A sign beside a word. It says nothing to a screen reader: the word does."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', asset_url("icons.svg"), name)


@register.filter
def number(value: float, decimals: int | None = None) -> str:
    """A number as values are written."""
    return number_text(float(value), decimals)


@register.simple_tag
def live(tag: Any, sample: Sample | None, *, terse: bool = False) -> SafeString:
    """A value that stays live: of a `Tag` row or anything with `pk`, `unit`, `decimals`, `enumeration`."""
    quality = quality_of(sample)
    is_bad = sample is None or sample.quality is Quality.BAD
    value = None if is_bad or sample is None else sample.value
    reason = "" if sample is None or quality == "good" else str(REASONS[sample.reason])
    labels = json.dumps(tag.enumeration) if tag.enumeration else ""
    return format_html(
        '<sb-value tag="{}" data-q="{}" time="{}" decimals="{}" labels="{}"{}{}><b>{}</b>{}<small>{}</small></sb-value>',
        tag.pk,
        quality,
        "" if sample is None else sample.time_us,
        "" if tag.decimals is None else tag.decimals,
        labels,
        format_html(' title="{}"', reason) if reason else "",
        SafeString(" terse") if terse else "",
        value_text(value, tag.decimals, tag.enumeration),
        format_html("<i>{}</i>", tag.unit) if tag.unit else "",
        "" if terse else reason,
    )


@register.simple_tag(name="bar")
def bar_tag(tag: Any, sample: Sample | None) -> SafeString:
    """The bar of a value; empty for a tag without a range."""
    return bar(tag, None if sample is None else sample.value)


@register.inclusion_tag("pages/field.html")
def field(form: Form, name: str, label: str, **options: Any) -> dict[str, Any]:
    """One field of a form with its label, hint and problems. `kind`: text, number, password, email, search, url, select
    (with `choices`: pairs), area, tick. Others: hint, unit, required, maximum, mode, placeholder, autocomplete, help_url.
    """
    element, problems = f"field-{name}", form.problems.get(name, [])
    parts = ([f"{element}-problems"] if problems else []) + ([f"{element}-hint"] if options.get("hint") else [])
    value = form.values.get(name)
    return {"kind": "text"} | options | {
        "id": element,
        "name": name,
        "label": label,
        "value": "" if value is None else value,
        "problems": problems,
        "described": " ".join(parts),
    }  # fmt: skip
