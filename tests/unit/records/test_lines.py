"""Lines as they are stored, byte for byte, and texts that do not fit into a line."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sealbus.records import Alarm, AlarmState, Connected, Outcome, WriteOutcome
from sealbus.records.chain import GENESIS, Header, encode_record, render_time, seal_record
from unit.records.samples import denial, write

NOON_NS = 1_740_830_400_000_000_000


def test_a_record_is_one_line_of_json_that_ends_with_the_chained_hash() -> None:
    payload = encode_record(Alarm(name="tank", state=AlarmState.RAISED, text="high"), 8000)
    line, digest = seal_record(GENESIS, 7, NOON_NS + 1_500, payload)
    assert line == (
        b'{"sequence":7,"time":"2025-03-01T12:00:00.000001Z","kind":"alarm","name":"tank","state":"raised","text":"high"'
        b',"hash":"1f6f55b52c4e8bf033808988934f511d332f05f184ca19920ec064938b3b6bd8"}\n'
    )
    assert digest.hex() == "1f6f55b52c4e8bf033808988934f511d332f05f184ca19920ec064938b3b6bd8"


def test_a_header_names_format_gateway_segment_first_record_and_the_hash_it_follows() -> None:
    header = Header(format=1, gateway="plant-7", segment=1, first=1, time=render_time(NOON_NS), previous="00" * 32)
    line, digest = header.seal(GENESIS)
    assert line == (
        b'{"format":1,"gateway":"plant-7","segment":1,"first":1,"time":"2025-03-01T12:00:00.000000Z","previous":"'
        + b"00" * 32
        + b'","hash":"d4cf1146ecf70130028d54afb92364cc1a383356a36900d7453f74997c4dbee1"}\n'
    )
    assert digest.hex() == "d4cf1146ecf70130028d54afb92364cc1a383356a36900d7453f74997c4dbee1"


def test_times_sort_as_text() -> None:
    assert render_time(0) == "1970-01-01T00:00:00.000000Z"
    assert render_time(NOON_NS + 999_999_999) == "2025-03-01T12:00:00.999999Z"
    assert render_time(NOON_NS + 1_000_000_000) == "2025-03-01T12:00:01.000000Z"


def test_fields_that_do_not_apply_are_left_out() -> None:
    assert json.loads(
        encode_record(Connected(listener="tcp://127.0.0.1:502", connection=1, peer="127.0.0.1:9"), 8000)
    ) == {
        "kind": "connected",
        "listener": "tcp://127.0.0.1:502",
        "connection": 1,
        "peer": "127.0.0.1:9",
    }


def test_a_too_long_text_is_cut_and_states_its_length() -> None:
    stored = json.loads(encode_record(denial(reason="x" * 65536), 8000))
    assert stored["reason"] == "x" * 1000 + "… (65536 characters)"


def test_the_values_of_a_write_are_never_cut() -> None:
    coils = write(device="d" * 70000)
    coils = type(coils)(**{name: getattr(coils, name) for name in coils.__struct_fields__} | {"values": (1,) * 1968})
    stored = json.loads(encode_record(coils, 8000))
    assert stored["values"] == [1] * 1968
    assert len(stored["device"]) < 1100


def test_an_outcome_with_any_text_fits_its_reserved_space() -> None:
    outcome = WriteOutcome(request=2**53, outcome=Outcome.EXCEPTION, exception_code=255, why="\x00" * 5000)
    stored = encode_record(outcome, 352)
    assert len(stored) <= 352
    assert json.loads(stored)["kind"] == "write_outcome"
    assert json.loads(stored)["outcome"] == "exception"


@given(st.text(st.characters(categories=["L", "C", "Zl"]), max_size=300))
def test_any_text_of_a_certificate_can_be_recorded(text: str) -> None:
    payload = encode_record(denial(reason=text), 1500)
    assert len(payload) <= 1500
    assert json.loads(payload)["kind"] == "denied"
    assert b"\n" not in payload
    assert b"\0" not in payload
