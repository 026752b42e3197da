"""What value did a tag have at a given time? Samples go in; ranges at the width of a screen are returned.

Samples come in batches, in any order and repeatedly; each is stored once. Rollups are computed from the samples. The
store is one SQLite file on one machine, or PostgreSQL; both give the same results.

The package does not decide what is worth storing (acquisition does, by dead band and longest interval). It does not
invent values: a time at which nothing was collected is a gap. It does not block its producers: `HistoryWriter` never
blocks and never raises.
"""

from sealbus.history.history import History, open_history
from sealbus.history.results import (
    Aggregates,
    Appended,
    Bucket,
    Cursor,
    Extent,
    HistoryUnavailable,
    RawPage,
    Series,
    Source,
)
from sealbus.history.rules import HistoryRules
from sealbus.history.sample_block import SampleBlock
from sealbus.history.writer import HistoryWriter, WriterLimits, WriterState
from sealbus.plant import RetentionClass

__all__ = [
    "Aggregates",
    "Appended",
    "Bucket",
    "Cursor",
    "Extent",
    "History",
    "HistoryRules",
    "HistoryUnavailable",
    "HistoryWriter",
    "RawPage",
    "RetentionClass",
    "SampleBlock",
    "Series",
    "Source",
    "WriterLimits",
    "WriterState",
    "open_history",
]
