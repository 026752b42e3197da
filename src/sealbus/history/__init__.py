"""What was the value of a tag then? Samples in, ranges out at the width of a screen.

Samples come in batches, in any order, as often as need be: each is stored once. Rollups follow from them. One file of
SQLite on one machine, PostgreSQL beyond; both answer alike.

The package refuses to decide what is worth storing (acquisition does, with dead band and longest interval), to invent a
value (nobody looked is a gap), and to stop whoever hands it samples (`HistoryWriter` never blocks and never raises).
"""

from sealbus.history.block import Block
from sealbus.history.history import History, open_history
from sealbus.history.rules import HistoryRules
from sealbus.history.shapes import (
    Aggregates,
    Appended,
    Bucket,
    Cursor,
    Extent,
    HistoryUnavailable,
    RawPage,
    Series,
    Source,
    Tended,
)
from sealbus.history.writer import HistoryWriter, WriterLimits, WriterState
from sealbus.plant import RetentionClass

__all__ = [
    "Aggregates",
    "Appended",
    "Block",
    "Bucket",
    "Cursor",
    "Extent",
    "History",
    "HistoryRules",
    "HistoryUnavailable",
    "HistoryWriter",
    "RawPage",
    "RetentionClass",
    "Series",
    "Source",
    "Tended",
    "WriterLimits",
    "WriterState",
    "open_history",
]
