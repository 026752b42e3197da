"""Errors: the kind by origin, a stable code, one line of text, and whether a write may have been carried out."""

from __future__ import annotations

import pytest

from sealbus.errors import (
    ConfigError,
    DeviceException,
    LocalError,
    PeerError,
    ResponseTimeout,
    SealbusError,
    Unreachable,
)


def test_every_error_has_the_same_root_and_its_own_code() -> None:
    kinds = (LocalError, PeerError, ConfigError, DeviceException, ResponseTimeout, Unreachable)
    assert all(issubclass(kind, SealbusError) for kind in kinds)
    assert [kind.code for kind in kinds] == ["local", "peer", "config", "device-exception", "timeout", "unreachable"]


def test_timeout_and_unreachable_are_caught_as_the_builtin_exceptions() -> None:
    assert issubclass(ResponseTimeout, TimeoutError)
    assert issubclass(Unreachable, ConnectionError)


@pytest.mark.parametrize("kind", [ResponseTimeout, Unreachable])
def test_an_unknown_outcome_is_a_field_and_in_the_text(kind: type[ResponseTimeout] | type[Unreachable]) -> None:
    known, unknown = kind("no answer"), kind("no answer", outcome_unknown=True)
    assert (known.outcome_unknown, str(known)) == (False, "no answer")
    assert (unknown.outcome_unknown, str(unknown)) == (
        True,
        "no answer; the write may or may not have been carried out",
    )


def test_a_peer_error_can_have_an_unknown_outcome() -> None:
    assert not PeerError("wrong unit").outcome_unknown
    assert PeerError("wrong unit", outcome_unknown=True).outcome_unknown


def test_other_errors_have_a_known_outcome() -> None:
    assert not DeviceException(4).outcome_unknown
    assert not LocalError("no").outcome_unknown
    assert not ConfigError("no").outcome_unknown


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConfigError("no policy"), "no policy"),
        (ConfigError("no policy", hint="write one"), "no policy; write one"),
        (ConfigError("is wrong", key="units"), "units: is wrong"),
        (ConfigError("is wrong", file="a.toml", key="units"), "a.toml: units: is wrong"),
        (ConfigError("is wrong", line=7, key="units"), "line 7: units: is wrong"),
        (
            ConfigError("is wrong", file="a.toml", line=7, key="units", hint="write 1-10"),
            "a.toml:7: units: is wrong; write 1-10",
        ),
    ],
)
def test_a_configuration_error_is_one_line(error: ConfigError, text: str) -> None:
    assert str(error) == text


def test_a_configuration_error_keeps_its_parts() -> None:
    error = ConfigError("is wrong", file="a.toml", line=7, key="units", hint="write 1-10")
    assert (error.problem, error.file, error.line, error.key, error.hint) == (
        "is wrong",
        "a.toml",
        7,
        "units",
        "write 1-10",
    )


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (1, "01: illegal function"),
        (2, "02: illegal data address"),
        (3, "03: illegal data value"),
        (4, "04: server device failure"),
        (5, "05: acknowledge"),
        (6, "06: server device busy"),
        (8, "08: memory parity error"),
        (10, "0A: gateway path unavailable"),
        (11, "0B: gateway target device failed to respond"),
        (99, "63: unknown exception"),
    ],
)
def test_a_device_exception_says_the_name_of_its_code(code: int, name: str) -> None:
    assert str(DeviceException(code)) == f"exception {name}"


def test_a_device_exception_names_the_function_of_the_request() -> None:
    error = DeviceException(2, function_code=16)
    assert (error.exception_code, error.function_code) == (2, 16)
    assert str(error) == "exception 02 to function 16: illegal data address"
