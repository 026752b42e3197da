"""What does a site consist of? The contract that the web server and the collector share.

Plan (connections, devices, tags), commands, collector state, tag rules, the codec between raw registers and values, and
SunSpec types. Pure: no I/O, no clock, no logging; msgspec structs are the only third party. The package refuses to know
who stores a plan and who carries it out.
"""

from sealbus.plant.collector_id import COLLECTOR_LEASE, DEFAULT_COLLECTOR_ID, name_of_collector
from sealbus.plant.collector_state import CollectorState, ConnectionState, LinkStatus, PollState, Problem
from sealbus.plant.command_life import (
    FINAL_STATES,
    TRANSITIONS,
    CommandKind,
    CommandState,
    InvalidTransition,
    advance,
    next_states,
)
from sealbus.plant.commands import (
    Command,
    CommandProgress,
    CommandResult,
    ConnectionTested,
    DiscoverSunSpec,
    Finding,
    ModelFound,
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
from sealbus.plant.conversion import Conversion, NoValue, Raw, build_conversion
from sealbus.plant.plan import CalculatedPlan, ConnectionPlan, DevicePlan, LinearRange, Plan, TagPlan
from sealbus.plant.site_versions import SiteVersions
from sealbus.plant.sunspec_types import SUNSPEC_TYPES, SunSpecType, sunspec_type_of
from sealbus.plant.tags import LONGEST_INTERVAL_S, SHORTEST_INTERVAL_S, Tag, check_pace, compile_tag

__all__ = [
    "COLLECTOR_LEASE",
    "DEFAULT_COLLECTOR_ID",
    "FINAL_STATES",
    "LONGEST_INTERVAL_S",
    "SHORTEST_INTERVAL_S",
    "SUNSPEC_TYPES",
    "TRANSITIONS",
    "CalculatedPlan",
    "CollectorState",
    "Command",
    "CommandKind",
    "CommandProgress",
    "CommandResult",
    "CommandState",
    "ConnectionPlan",
    "ConnectionState",
    "ConnectionTested",
    "Conversion",
    "DevicePlan",
    "DiscoverSunSpec",
    "Finding",
    "InvalidTransition",
    "LinearRange",
    "LinkStatus",
    "ModelFound",
    "NoValue",
    "Plan",
    "PollState",
    "Problem",
    "RangeFound",
    "Raw",
    "ReadNow",
    "RegistersScanned",
    "ScanRegisters",
    "ScanUnits",
    "SiteVersions",
    "Step",
    "StepTaken",
    "SunSpecFound",
    "SunSpecType",
    "Tag",
    "TagPlan",
    "TestConnection",
    "UnitAnswer",
    "UnitsScanned",
    "ValueRead",
    "ValuesRead",
    "WriteTag",
    "advance",
    "build_conversion",
    "check_pace",
    "compile_tag",
    "name_of_collector",
    "next_states",
    "sunspec_type_of",
]
