"""Bars and sparklines, drawn on the server: SVG with geometry in attributes. The first paint is right without scripts, and
without a style attribute.

Every bar is scaled in pieces, so that the normal range always lies at the same place: down a column the eye sees what left
it before it reads. `frontend/src/bar.ts` places a live value by the same rule.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from sealbus.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.history import Series

__all__ = ["BAND_AT", "Scale", "bar", "scale_of", "sparkline"]

BAND_AT = (36.0, 64.0)
"""Where the normal range lies on every bar, in percent."""
_EDGE = 1.0
_WIDTH, _HEIGHT = 120.0, 22.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Both ends of a bar, and the normal range between them; None without one."""

    low: float
    high: float
    normal: tuple[float, float] | None = None

    def place(self, value: float) -> float:
        """Where a value lies, in percent of the width. What is beyond an end lies at it."""
        points = [(self.low, 0.0), (self.high, 100.0)]
        if self.normal is not None:
            points[1:1] = zip(self.normal, BAND_AT, strict=True)
        value = min(max(value, self.low), self.high)
        for (below, start), (above, end) in itertools.pairwise(points):
            if value <= above:
                part = 0.0 if above == below else (value - below) / (above - below)
                return min(max(start + part * (end - start), _EDGE), 100 - _EDGE)
        return 100 - _EDGE


def scale_of(tag: Any) -> Scale | None:
    """The scale of a tag: of its normal range and its range; None without either."""
    low, high, a, b = tag.low, tag.high, tag.normal_low, tag.normal_high
    if a is None and b is None:
        return Scale(low, high) if low is not None and high is not None and low < high else None
    a, b = (a if a is not None else low), (b if b is not None else high)
    if a is None or b is None or not a < b:
        return None
    beyond = (b - a) * BAND_AT[0] / (BAND_AT[1] - BAND_AT[0])
    low = low if low is not None and low < a else a - beyond
    high = high if high is not None and high > b else b + beyond
    return Scale(low, high, (a, b))


def bar(tag: Any, value: object) -> SafeString:
    """The bar of a tag with its value; empty for a tag without a range."""
    scale = scale_of(tag)
    if scale is None:
        return SafeString("")
    known = isinstance(value, int | float) and not isinstance(value, bool)
    at = scale.place(float(value)) if known else -10.0  # type: ignore[arg-type]  # a number, as was just asked
    band = SafeString("")
    if scale.normal is not None:
        start, end = BAND_AT
        band = format_html(
            '<rect class="band" x="{0}%" y="3" width="{2}%" height="8"/>'
            '<rect class="end" x="{0}%" y="2" width="1" height="10"/>'
            '<rect class="end" x="{1}%" y="2" width="1" height="10"/>',
            start,
            end,
            end - start,
        )
    return format_html(
        '<sb-bar tag="{}" scale="{}"><svg class="bar" aria-hidden="true">'
        '<rect class="track" y="5" width="100%" height="4"/>{}<svg class="hand" x="{}%" overflow="visible">'
        '<rect x="-1" y="1" width="2" height="9"/><path d="M0 6l4.5 7.5h-9z"/></svg></svg></sb-bar>',
        tag.pk,
        ",".join(f"{each:g}" for each in (scale.low, *(scale.normal or ()), scale.high)),
        band,
        f"{at:.1f}",
    )


def sparkline(
    series: Series | None, start_us: int, end_us: int, normal: tuple[float, float] | None = None
) -> SafeString:
    """The course of a value, as steps. A time without a value is a gap. `normal` is drawn as a band behind it."""
    runs = [] if series is None else _runs(series, start_us, end_us)
    numbers = [value for run in runs for _, value in run]
    if not numbers:
        return SafeString('<svg class="spark" aria-hidden="true"></svg>')
    low, high = min(numbers), max(numbers)
    if normal is not None and high - low < normal[1] - normal[0]:
        middle, half = (low + high) / 2, (normal[1] - normal[0]) / 2
        low, high = min(low, middle - half), max(high, middle + half)
    if high == low:
        low, high = low - 1, high + 1
    span_us = max(end_us - start_us, 1)

    def x(time_us: int) -> str:
        return f"{(time_us - start_us) / span_us * _WIDTH:.1f}"

    def y(value: float) -> str:
        return f"{2 + (high - value) / (high - low) * (_HEIGHT - 4):.1f}"

    paths = (_steps([(x(time_us), y(value)) for time_us, value in run]) for run in runs)
    band = SafeString("")
    if normal is not None and normal[0] < high and normal[1] > low:
        top, bottom = float(y(min(normal[1], high))), float(y(max(normal[0], low)))
        band = format_html(
            '<rect class="band" y="{}" width="{}" height="{}"/>', top, int(_WIDTH), f"{bottom - top:.1f}"
        )
    return format_html(
        '<svg class="spark" aria-hidden="true" viewBox="0 0 {} {}" preserveAspectRatio="none">{}{}</svg>',
        int(_WIDTH),
        int(_HEIGHT),
        band,
        format_html_join("", '<path d="{}"/>', ((path,) for path in paths)),
    )


def _runs(series: Series, start_us: int, end_us: int) -> list[list[tuple[int, float]]]:
    """The stretches with a value. The first point may be before the start; the last value holds to the end."""
    runs: list[list[tuple[int, float]]] = []
    is_open = False
    times, values, qualities = series.times_us.tolist(), series.values.tolist(), series.qualities.tolist()
    for time_us, value, quality in zip(times, values, qualities, strict=True):
        at = min(max(time_us, start_us), end_us)
        if is_open:
            runs[-1].append((at, runs[-1][-1][1]))
        is_open = quality != Quality.BAD and math.isfinite(value)
        if is_open:
            if not runs or runs[-1][-1][0] != at:
                runs.append([])
            runs[-1].append((at, value))
    if is_open:
        runs[-1].append((end_us, runs[-1][-1][1]))
    return runs


def _steps(points: Sequence[tuple[str, str]]) -> str:
    path = f"M{points[0][0]} {points[0][1]}"
    for (x_before, y_before), (x, y) in itertools.pairwise(points):
        path += (f"H{x}" if x != x_before else "") + (f"V{y}" if y != y_before else "")
    return path
