"""What are the values of the tags, and how good are they? The polling engine of the collector.

A plan comes in, samples go out: polls are merged, scheduled and decoded, quality is judged, and commands (test, read now,
scan) go ahead of polls. It does not know the source of its plan and the destination of its samples: it has no database,
no web framework and no bus. It also refuses to dial what the networks of the plan do not allow.

The way to a device:

| word | meaning |
| --- | --- |
| ConnectionPlan, DevicePlan | the configuration (package `plant`) |
| PolledConnection | the engine's runtime of one connection: its status, its identity, its polls |
| DialContext | what all connections share: locator, identities, clock |
| PolledUnit | one unit of a connection, the source of the requests of its polls |
| Poll, PollPhase | the tags of one device with one interval, and when they are due |
| Block | one request of a poll and its tags |
| UnitClient | the requests of one command to one unit |
| Channel, Line | the queue of a connection, and one open connection's transactions (package `client`) |

A tag:

| word | meaning |
| --- | --- |
| TagPlan | the configuration of a tag (package `plant`) |
| Tag | a checked plan: place, type, conversion (package `plant`) |
| TagState | the current value and quality, and the sample that was reported last |
| PolledTag | a tag and its state, in a poll |
| change | a sample of what a tag has become, on its way through the stages |
| HeldBack | a change inside the dead band, which is not reported |
| Sample | a value with time and quality |
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
