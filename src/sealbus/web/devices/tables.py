"""The rows of a table that is imported, from the body of a request or from a file of the shell: CSV or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealbus.web.devices.columns import COLUMNS, Table
from sealbus.web.devices.csv_table import MAX_ROWS, read_csv
from sealbus.web.devices.interchange import Report, Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["rows_of"]


def rows_of(data: Any, table: Table, report: Report) -> list[Row]:
    """The rows of a body: bytes of a CSV table, or a JSON document. What cannot be read goes to the report."""
    if isinstance(data, bytes):
        return read_csv(data, COLUMNS[table], report)
    return _rows_of_json(data, table.value, COLUMNS[table], report)


def _rows_of_json(data: Any, member: str, columns: Sequence[str] | Mapping[str, Any], report: Report) -> list[Row]:
    """The rows of {"tags": [...]}; the number of an item is its line."""
    items = data.get(member) if isinstance(data, dict) and set(data) == {member} else None
    if not isinstance(items, list):
        report.add(1, "", f'the body is not a list of {member}; write {{"{member}": [...]}}')
        return []
    if len(items) > MAX_ROWS:
        report.add(MAX_ROWS + 1, "", f"there are more than {MAX_ROWS} rows; import them in parts")
        return []
    rows = []
    for line, item in enumerate(items, 1):
        if not isinstance(item, dict):
            report.add(line, "", 'the item is not an object; write {"name": ...}')
            continue
        for name in item:
            if name not in columns:
                report.add(
                    line, str(name), f'there is no member "{str(name)[:50]}"', f"the members are {', '.join(columns)}"
                )
        rows.append(Row(line, {name: value for name, value in item.items() if name in columns}))
    return rows
