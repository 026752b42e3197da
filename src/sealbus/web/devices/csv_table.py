"""CSV, as spreadsheets write it and as it is safe to open in them.

Export: UTF-8 with a byte-order mark, commas, and no cell that a spreadsheet would take for a formula (`http.csv_cells`).
Import undoes that, so an exported table is imported unchanged. It reads UTF-8 with or without the mark, UTF-16 with one,
else Windows-1252; commas, semicolons or tabs; with semicolons and tabs also a decimal comma; and the words for true and
false that German spreadsheets write.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

from sealbus.web.devices.columns import Cell
from sealbus.web.devices.interchange import Row
from sealbus.web.http.csv_cells import escape_text, json_text, unescape_text
from sealbus.web.http.json_values import json_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sealbus.web.devices.interchange import Report

__all__ = ["MAX_ROWS", "read_csv", "write_csv"]

MAX_ROWS = 20_000
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_TRUTHS = dict.fromkeys(("true", "1", "yes", "wahr", "ja", "x"), True) | dict.fromkeys(
    ("false", "0", "no", "falsch", "nein"), False
)
_EMPTY: dict[Cell, Any] = {Cell.TEXT: "", Cell.NUMBER: None, Cell.WHOLE: None, Cell.TRUTH: None, Cell.JSON: None}


def write_csv(columns: Mapping[str, Cell], rows: Iterable[Sequence[Any]]) -> bytes:
    """A table with a header. Values are in the order of the columns."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value, cell) for value, cell in zip(row, columns.values(), strict=True)])
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "backslashreplace")


def read_csv(content: bytes, columns: Mapping[str, Cell], report: Report) -> list[Row]:
    """The rows of a table; cells that cannot be read go to the report. An empty cell is the column's empty value."""
    text = _decoded(content)
    if not text.strip():
        report.add(1, "", "the table is empty", "write the names of the columns into the first line")
        return []
    delimiter = _delimiter(text)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    found: list[tuple[int, list[str]]] = []
    try:
        header = _header(next(lines, []), columns, report)
        line = lines.line_num + 1
        for cells in lines:
            if header and any(cell.strip() for cell in cells):
                if len(found) >= MAX_ROWS:  # judge none of them: the table is refused
                    report.add(line, "", f"there are more than {MAX_ROWS} rows; import them in parts")
                    return []
                found.append((line, cells))
            line = lines.line_num + 1
    except csv.Error as error:
        report.add(
            lines.line_num, "", f"the file is not valid CSV: {error}", "put cells with quotes or line ends in quotes"
        )
    return [_row(line, cells, header, columns, delimiter != ",", report) for line, cells in found]


def _cell(value: Any, cell: Cell) -> str:
    if cell is Cell.JSON:
        return json_text(value) if value else ""
    if value is None:
        return ""
    if cell is Cell.TRUTH:
        return "true" if value else "false"
    return escape_text(str(value)) if cell is Cell.TEXT else repr(value)


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max((",", ";", "\t"), key=first.count)


def _header(names: Sequence[str], columns: Mapping[str, Cell], report: Report) -> list[str]:
    header = [name.strip().lower() for name in names]
    while header and not header[-1]:  # a spreadsheet writes the columns that were cleared too
        header.pop()
    for name in dict.fromkeys(header):
        if not name:
            report.add(1, "", f"column {header.index(name) + 1} has no name", "write one, or delete the column")
        elif name not in columns:
            report.add(1, name, f'there is no column "{name}"', f"the columns are {', '.join(columns)}")
        elif header.count(name) > 1:
            report.add(1, name, f'the column "{name}" appears twice', "leave one out")
    if "name" not in header:
        report.add(1, "name", 'the column "name" is missing', "write the names of the columns into the first line")
        report.missed.add("name")
    report.absent = frozenset(columns) - frozenset(header)
    return header


def _row(
    line: int, cells: Sequence[str], header: Sequence[str], columns: Mapping[str, Cell], comma: bool, report: Report
) -> Row:
    if any(cell.strip() for cell in cells[len(header) :]):
        text = f"there are {len(cells)} cells for {len(header)} columns"
        report.add(line, "", text, "put cells with commas or semicolons in quotes")
    values: dict[str, Any] = {}
    for name, text in zip(header, cells, strict=False):
        if name not in columns:
            continue
        try:
            values[name] = _value(text, columns[name], comma=comma)
        except ValueError as error:
            report.add(line, name, *error.args)
    return Row(line, values)


def _value(text: str, cell: Cell, *, comma: bool) -> Any:
    if cell is Cell.TEXT:
        return unescape_text(text)
    text = text.strip()
    if not text:
        return _EMPTY[cell]
    return _READERS[cell](text, comma)


def _number(text: str, comma: bool) -> float:
    dotted = text.replace(",", ".") if comma and text.count(",") == 1 and "." not in text else text
    if not _NUMBER.fullmatch(dotted) or abs(float(dotted)) == float("inf"):
        raise ValueError(f'"{text[:40]}" is not a number', "write it as 1234.5")
    return float(dotted)


def _whole(text: str, comma: bool) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f'"{text[:40]}" is not a whole number', "write it as 12")
    return int(text)


def _truth(text: str, comma: bool) -> bool:
    if text.lower() not in _TRUTHS:
        raise ValueError(f'"{text[:40]}" is not a truth value', "write true or false")
    return _TRUTHS[text.lower()]


def _json(text: str, comma: bool) -> Any:
    try:
        value = json.loads(text, parse_constant=_refuse)
        if problem := json_problem(value):
            raise ValueError(problem)
        return value
    except (ValueError, RecursionError):
        raise ValueError(f'"{text[:40]}" is not valid JSON', 'write it as [1, 2] or {"0": "off"}') from None


def _refuse(text: str) -> Any:
    raise ValueError(text)


_READERS = {Cell.NUMBER: _number, Cell.WHOLE: _whole, Cell.TRUTH: _truth, Cell.JSON: _json}
