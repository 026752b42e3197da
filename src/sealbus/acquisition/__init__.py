"""What do the devices say, how good is it, and what is asked of them besides? The collector's engine.

A plan comes in, samples go out: polls are merged, scheduled and decoded, quality is judged, and orders (test, read
now, scan) go ahead of polls. The package knows neither where its plan comes from nor where its samples go, and refuses
to: it has no database, no web framework and no bus of its own. It also refuses to dial what the plan's networks do not
allow.
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
