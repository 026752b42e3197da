"""What a connection, a device and a tag may be on this site: the rules of `sealbus.plant`, asked of a row as it would be
stored, and those that need the database: the allowed networks, the inputs that the user may see, the retention class.

Forms, imports and templates call the same functions. A row is given by its columns; the problems come back by column.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sealbus.plant import (
    CalculatedPlan,
    ConnectionPlan,
    DevicePlan,
    RetentionClass,
    TagPlan,
    connection_problems,
    device_problems,
    hold_problems,
    source_problems,
)
from sealbus.web.access.subject import NOBODY
from sealbus.web.devices.calculated import unseen_inputs
from sealbus.web.devices.queries import as_plan, network_rules, standard_retention

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sealbus.endpoints import NetworkRules
    from sealbus.plant import FieldProblem
    from sealbus.web.access.subject import Subject
    from sealbus.web.devices import models

__all__ = ["Problems", "Rules"]

Problems = dict[str, list[str]]
"""Problems by column; each with what to write instead behind a semicolon."""

_NEW: dict[str, Any] = {"id": 0}


@dataclass
class Rules:
    """The rules for one user at one moment. What they need of the database is read once, however many rows are judged."""

    subject: Subject = NOBODY
    inputs_later: bool = False
    """The inputs are not ids yet: an import joins them to tags when all rows are stored."""

    @cached_property
    def networks(self) -> NetworkRules:
        """Where devices may be."""
        return network_rules()

    @cached_property
    def standard(self) -> models.RetentionClass | None:
        """The class of a tag that names none."""
        return standard_retention()

    def connection(self, row: Mapping[str, Any], stored: models.Connection | None) -> Problems:
        """A URL that is stored already is not judged again unless it or its identity changes: the allowed networks may
        have changed since, and the collector judges it in any case.
        """
        plan = as_plan(ConnectionPlan, {**_NEW, **row})
        is_new = stored is None or (stored.url, stored.identity) != (plan.url, plan.identity)
        found = connection_problems(plan, self.networks if is_new else None)
        if not is_new:
            found = [each for each in found if each.key not in ("url", "identity")]
        # the form shows what is wrong with the pair of URL and identity at the URL
        return _by_column((("url" if each.key == "identity" else each.key), each) for each in found)

    def device(self, row: Mapping[str, Any]) -> Problems:
        """A device."""
        return _by_column((each.key, each) for each in device_problems(as_plan(DevicePlan, {**_NEW, **row})))

    def tag(self, row: Mapping[str, Any], retention: models.RetentionClass) -> Problems:
        """A tag at a place or a calculated one, in its retention class."""
        has_interval = row["interval_s"] is not None
        at_place = {name: value for name, value in row.items() if has_interval or name != "interval_s"}
        tag, calculated = as_plan(TagPlan, {**_NEW, **at_place}), as_plan(CalculatedPlan, {**_NEW, **row})
        found = source_problems(tag, calculated, has_interval=has_interval)
        kept = RetentionClass(retention.name, hold_s=retention.hold_s)
        found += hold_problems(calculated, kept)
        problems = _by_column((each.key, each) for each in found)
        low, high = row.get("normal_low"), row.get("normal_high")
        if low is not None and high is not None and low > high:
            problems["normal_low"] = [
                f"{low:g} is above normal_high, {high:g}; write the lower end of the normal range"
            ]
        if calculated.inputs and "inputs" not in problems and not self.inputs_later:
            for name in unseen_inputs(calculated.inputs, self.subject):
                text = f'the input "{name}" is not a tag that you can see; write the id of another one'
                problems.setdefault("inputs", []).append(text)
        return problems


def _by_column(found: Iterable[tuple[str, FieldProblem]]) -> Problems:
    problems: Problems = {}
    for column, problem in found:
        problems.setdefault(column, []).append(str(problem))
    return problems
