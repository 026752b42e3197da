"""What a server answers to function 43/14: MODBUS Application Protocol V1.1b3, 6.21."""

from __future__ import annotations

from typing import Any

import pytest

from sealbus.errors import DeviceException, LocalError
from sealbus.protocol import ReadDeviceIdentification, encode_answer
from sealbus.server.identification import IdentificationObjects

BASIC = {0: b"Sealbus", 1: b"S1", 2: b"1.0"}
REGULAR = {**BASIC, 3: b"https://sealbus.example"}
EXTENDED = {**REGULAR, 0x80: b"cabinet 7"}


def asked(objects: dict[int, bytes], access: int, object_id: int = 0) -> bytes:
    """The PDU of the answer."""
    request = ReadDeviceIdentification(access, object_id)
    return encode_answer(request, IdentificationObjects(objects).answer(access, object_id))


def test_all_basic_objects_are_in_one_answer() -> None:
    assert asked(BASIC, 1) == b"\x2b\x0e\x01\x81\x00\x00\x03\x00\x07Sealbus\x01\x02S1\x02\x031.0"


@pytest.mark.parametrize(("objects", "level"), [(BASIC, 0x81), (REGULAR, 0x82), (EXTENDED, 0x83)])
@pytest.mark.parametrize("access", [1, 2, 3, 4])
def test_the_conformity_level_is_that_of_the_highest_object(objects: dict[int, bytes], level: int, access: int) -> None:
    assert asked(objects, access)[3] == level


@pytest.mark.parametrize(
    ("access", "ids"),
    [(1, [0, 1, 2]), (2, [0, 1, 2, 3]), (3, [0, 1, 2, 3, 0x80])],
    ids=["basic", "regular", "extended"],
)
def test_a_category_contains_those_below_it(access: int, ids: list[int]) -> None:
    assert list(IdentificationObjects(EXTENDED).answer(access, 0).objects) == ids


@pytest.mark.parametrize(
    ("access", "object_id", "first"),
    [
        (1, 1, 1),
        (1, 3, 0),
        (1, 0x80, 0),
        (1, 0x60, 0),
        (2, 3, 3),
        (2, 0x80, 0),
        (2, 0xFF, 0),
        (3, 0x80, 0x80),
        (3, 4, 0),
    ],
)
def test_an_object_that_the_category_does_not_have_begins_again_at_object_0(
    access: int, object_id: int, first: int
) -> None:
    assert min(IdentificationObjects(EXTENDED).answer(access, object_id).objects) == first


def test_objects_beyond_one_pdu_follow_in_the_next_answers() -> None:
    objects = {**BASIC, 3: b"u" * 200, 0x80: b"v" * 100, 0x81: b"w" * 244, 0x82: b""}
    got: dict[int, bytes] = {}
    heads = []
    start = 0
    while True:
        pdu = asked(objects, 3, start)
        heads.append(pdu[:7])
        assert len(pdu) <= 253
        answer = IdentificationObjects(objects).answer(3, start)
        got |= answer.objects
        if not answer.more_follows:
            break
        start = answer.next_object
    assert got == objects
    assert heads == [
        b"\x2b\x0e\x03\x83\xff\x80\x04",  # 0 to 3; continue with object 80 hex
        b"\x2b\x0e\x03\x83\xff\x81\x01",
        b"\x2b\x0e\x03\x83\xff\x82\x01",
        b"\x2b\x0e\x03\x83\x00\x00\x01",
    ]


def test_an_answer_may_fill_its_pdu_to_the_last_byte() -> None:
    assert len(asked({0: b"a" * 120, 1: b"b" * 122}, 3)) == 253
    full = IdentificationObjects({0: b"a" * 120, 1: b"b" * 123}).answer(3, 0)
    assert (full.more_follows, full.next_object, list(full.objects)) == (True, 1, [0])


def test_objects_of_a_higher_category_do_not_follow() -> None:
    answer = IdentificationObjects({**BASIC, 3: b"u" * 244}).answer(1, 0)
    assert (answer.more_follows, answer.next_object, list(answer.objects)) == (False, 0, [0, 1, 2])


def test_one_object_is_read_alone_and_an_unknown_one_is_02() -> None:
    assert asked(EXTENDED, 4, 0x80) == b"\x2b\x0e\x04\x83\x00\x00\x01\x80\x09cabinet 7"
    with pytest.raises(DeviceException) as error:
        asked(EXTENDED, 4, 4)
    assert error.value.exception_code == 2


@pytest.mark.parametrize(
    ("objects", "problem"),
    [
        ({0: b"x" * 245}, "identification object 0 has 245 bytes, and one answer carries 244: shorten it"),
        ({256: b"x"}, "256 is not the id of an identification object: use 0 to 255"),
        ({-1: b"x"}, "-1 is not the id"),
        ({0: "Sealbus"}, "identification object 0 is 'Sealbus': write bytes"),
        ({0: None}, "identification object 0 is None: write bytes"),
    ],
)
def test_an_object_that_no_answer_can_carry_is_refused_when_it_is_given(objects: Any, problem: str) -> None:
    with pytest.raises(LocalError, match=problem):
        IdentificationObjects(objects)
