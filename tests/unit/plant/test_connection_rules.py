"""What a connection and a device may be, and what may be dialled: the same for the site and the collector."""

from __future__ import annotations

from typing import Any

import pytest

from sealbus.endpoints import NetworkRules
from sealbus.plant import (
    CONNECTION_BOUNDS,
    DEVICE_BOUNDS,
    ConnectionPlan,
    DevicePlan,
    connection_problems,
    device_problems,
    dial_problems,
)

RULES = NetworkRules.parse(["10.0.0.0/8 502,802,22", "/dev/ttyUSB*"])


@pytest.mark.parametrize(
    ("url", "identity"),
    [
        ("tcp://10.0.0.5", ""),
        ("rtu:///dev/ttyUSB0", ""),
        ("mbaps://10.0.0.5", "plant-7"),
        ("ssh+tcp://anna@10.0.0.5/10.0.0.6", "plant-7"),
    ],
)
def test_an_allowed_url_has_no_problem(url: str, identity: str) -> None:
    assert dial_problems(url, identity, RULES) == []
    assert connection_problems(ConnectionPlan(id=1, url=url, identity=identity)) == []


@pytest.mark.parametrize(
    ("url", "identity", "key", "problem"),
    [
        ("http://10.0.0.5", "", "url", "scheme"),
        ("relay://10.0.0.5:443/plant", "plant-7", "url", "not in this version"),
        ("mbaps://10.0.0.5", "", "identity", "needs an identity"),
        ("ssh+tcp://anna@10.0.0.5/10.0.0.6", "", "identity", "needs an identity"),
        ("tcp://10.0.0.5", "plant-7", "identity", "shows no identity"),
        ("ssh+tcp://anna@10.0.0.5/10.0.0.6?key=/etc/key", "plant-7", "url", "a file cannot be named"),
        ("tcp://10.0.0.5\n", "", "url", "cannot be printed"),
        ("rtu:///dev/ttyUSB0%00", "", "url", "cannot be printed"),
    ],
)
def test_a_url_that_cannot_be_dialled_is_refused_with_and_without_networks(
    url: str, identity: str, key: str, problem: str
) -> None:
    for rules in (RULES, None):
        [found] = dial_problems(url, identity, rules)
        assert (found.key, problem in found.problem, bool(found.hint)) == (key, True, True), found


@pytest.mark.parametrize("url", ["tcp://127.0.0.1", "tcp://8.8.8.8", "tcp://10.0.0.5:23", "rtu:///dev/sda"])
def test_a_host_outside_the_allowed_networks_is_refused_where_these_are_given(url: str) -> None:
    [found] = dial_problems(url, "", RULES)
    assert (found.key, found.hint) == ("url", "ask an administrator to allow it")
    assert dial_problems(url, "") == []


@pytest.mark.parametrize("field", CONNECTION_BOUNDS)
def test_a_setting_of_a_connection_is_within_its_bounds(field: str) -> None:
    allowed = CONNECTION_BOUNDS[field]
    for value in (allowed.low, allowed.high):
        assert connection_problems(ConnectionPlan(id=1, url="tcp://plc", **_one(field, value))) == []
    for value in (allowed.low - 1, allowed.high + 1, float("nan")):
        [found] = connection_problems(ConnectionPlan(id=1, url="tcp://plc", **_one(field, value)))
        assert (found.key, found.hint) == (field, f"write {allowed}")


@pytest.mark.parametrize("setting", ["lenient_transaction_id", "lenient_unit_id"])
def test_lenient_ids_allow_one_request_in_flight(setting: str) -> None:
    plan = ConnectionPlan(id=1, url="tcp://plc", in_flight=2, **_one(setting, True))
    assert [each.key for each in connection_problems(plan)] == ["in_flight"]


def test_only_a_line_without_transaction_ids_has_a_local_echo() -> None:
    for url, keys in (
        ("rtu:///dev/ttyUSB0", []),
        ("ascii:///dev/ttyUSB0", []),
        ("rtu+tcp://converter:4001", []),
        ("tcp://plc", ["local_echo"]),
        ("nonsense", ["url"]),
    ):
        plan = ConnectionPlan(id=1, url=url, local_echo=True)
        assert [each.key for each in connection_problems(plan)] == keys


@pytest.mark.parametrize("field", DEVICE_BOUNDS)
def test_a_setting_of_a_device_is_within_its_bounds(field: str) -> None:
    allowed = DEVICE_BOUNDS[field]
    for value in (allowed.low - 1, allowed.high + 1):
        plan = DevicePlan(**({"id": 1, "unit_id": 1} | _one(field, value)))
        assert [each.key for each in device_problems(plan)] == [field]


def test_forbidden_places_must_be_valid_places() -> None:
    assert device_problems(DevicePlan(id=1, unit_id=1, forbidden=("holding:100-119",))) == []
    [found] = device_problems(DevicePlan(id=1, unit_id=1, forbidden=("holding:100-119", "nowhere:1")))
    assert found.key == "forbidden"


def _one(field: str, value: float) -> dict[str, Any]:
    return {field: value}
