"""The result as Markdown and as JSON. Both contain machine, versions, command line and method."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.table import Table, TargetCheck

__all__ = ["Report", "render_json", "render_markdown"]


@dataclass(frozen=True, slots=True)
class Report:
    """The results of one run."""

    date: str
    command: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    method: str
    tables: Sequence[Table]


def render_json(report: Report) -> str:
    """The whole report, with the value of every round and `met` for each target."""
    values = dataclasses.asdict(report)
    for table, source in zip(values["tables"], report.tables, strict=True):
        for verdict, judged in zip(table["verdicts"], source.verdicts, strict=True):
            verdict["met"] = judged.met
    return json.dumps(values, indent=2, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else str(value)


def render_markdown(report: Report) -> str:
    """Targets first, then the figures, then the method."""
    lines = ["# Benchmark results", "", f"{report.date}, `{report.command}`", "", "## Targets", ""]
    lines += _targets(report.tables)
    for table in report.tables:
        lines += ["", f"## {table.title}", "", *_figures(table)]
        lines += [f"\nNot measured: {problem}" for problem in table.problems]
    lines += ["", "## Method", "", report.method]
    lines += ["", "## Machine and versions", ""]
    lines += [f"- {name}: {value}" for name, value in {**report.machine, **report.versions}.items()]
    return "\n".join(lines) + "\n"


def _targets(tables: Sequence[Table]) -> list[str]:
    verdicts = [verdict for table in tables for verdict in table.verdicts]
    if not verdicts:
        return ["Nothing could be compared; the reasons are below."]
    rows = [_target(verdict) for verdict in verdicts]
    return [
        "| ratio or figure | measured | lowest to highest | target | met |",
        "| --- | --: | --: | --: | --- |",
        *rows,
    ]


def _target(verdict: TargetCheck) -> str:
    spread = f"{verdict.lowest:.2f} to {verdict.highest:.2f}"
    target = f"{verdict.bound.value} {verdict.target:g}{verdict.unit}"
    met = "yes" if verdict.met else "NO"
    return f"| {verdict.what} | {verdict.value:.2f}{verdict.unit} | {spread} | {target} | {met} |"


def _figures(table: Table) -> list[str]:
    figures = list(table.figures.values())
    if not figures:
        return []
    beside = list(figures[0].beside)
    lines = [
        "| " + " | ".join(["subject", table.unit, "lowest to highest", *beside]) + " |",
        "| --- | " + " | ".join(["--:"] * (2 + len(beside))) + " |",
    ]
    for figure in figures:
        cells = [
            figure.subject,
            _number(figure.median),
            f"{_number(min(figure.values))} to {_number(max(figure.values))}",
        ]
        cells += [
            f"{figure.beside[name]:.0%}" if name.startswith("busy") else _number(figure.beside[name]) for name in beside
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"
