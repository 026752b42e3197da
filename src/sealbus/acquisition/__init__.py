"""What do the devices say, how good is it, and what is asked of them besides? The collector's engine.

A plan comes in, samples go out: polls are merged, scheduled and decoded, quality is judged, and orders (test, read
now, scan) go ahead of polls. The package knows neither where its plan comes from nor where its samples go, and refuses
to: it has no database, no web framework and no bus of its own. It also refuses to dial what the plan's networks do not
allow.
"""

from sealbus.acquisition.clock import SampleClock
from sealbus.acquisition.collector import LAG_BOUNDS_S, Collector, CollectorPorts
from sealbus.acquisition.locating import Resolver
from sealbus.acquisition.orders import (
    ConnectionTested,
    DiscoverSunSpec,
    Finding,
    ModelFound,
    Order,
    OrderProgress,
    OrderResult,
    OrderState,
    RangeFound,
    ReadNow,
    RegistersScanned,
    ScanRegisters,
    ScanUnits,
    Step,
    StepTaken,
    SunSpecFound,
    TestConnection,
    UnitAnswer,
    UnitsScanned,
    ValueRead,
    ValuesRead,
    WriteTag,
)
from sealbus.acquisition.plan import CalculatedPlan, ConnectionPlan, DevicePlan, LinearRange, Plan, TagPlan
from sealbus.acquisition.sample_batcher import SampleStore
from sealbus.acquisition.state import CollectorState, ConnectionState, LinkStatus, PollState, Problem

__all__ = [
    "LAG_BOUNDS_S",
    "CalculatedPlan",
    "Collector",
    "CollectorPorts",
    "CollectorState",
    "ConnectionPlan",
    "ConnectionState",
    "ConnectionTested",
    "DevicePlan",
    "DiscoverSunSpec",
    "Finding",
    "LinearRange",
    "LinkStatus",
    "ModelFound",
    "Order",
    "OrderProgress",
    "OrderResult",
    "OrderState",
    "Plan",
    "PollState",
    "Problem",
    "RangeFound",
    "ReadNow",
    "RegistersScanned",
    "Resolver",
    "SampleClock",
    "SampleStore",
    "ScanRegisters",
    "ScanUnits",
    "Step",
    "StepTaken",
    "SunSpecFound",
    "TagPlan",
    "TestConnection",
    "UnitAnswer",
    "UnitsScanned",
    "ValueRead",
    "ValuesRead",
    "WriteTag",
]
