"""What are the values of the tags, and how good are they? The polling engine of the collector.

A plan comes in, samples go out: polls are merged, scheduled and decoded, quality is judged, and commands (test, read now,
scan) go ahead of polls. It does not know the source of its plan and the destination of its samples: it has no database,
no web framework and no bus. It also refuses to dial what the networks of the plan do not allow.

Its words (connection, channel, line, poll, block; tag, change, held back) are in `docs/glossary.md`: "The way to a device"
and "The way of a value".
"""

from sealbus.acquisition.clock import SampleClock
from sealbus.acquisition.engine import LAG_BOUNDS_S, EnginePorts, PollingEngine
from sealbus.acquisition.locating import Resolver
from sealbus.acquisition.pipeline import SampleStore

__all__ = [
    "LAG_BOUNDS_S",
    "EnginePorts",
    "PollingEngine",
    "Resolver",
    "SampleClock",
    "SampleStore",
]
