"""Functions that must be listed in `functions`: what each entry grants, and what it does not."""

from __future__ import annotations

import pytest

from sealbus.errors import ConfigError
from sealbus.policy import FunctionGrant, Rights, parse_function, parse_policy
from sealbus.protocol import (
    CanopenReference,
    Diagnostics,
    FileRecord,
    FileReference,
    GetCommEventCounter,
    GetCommEventLog,
    OpaqueRequest,
    ReadDeviceIdentification,
    ReadExceptionStatus,
    ReadFifoQueue,
    ReadFileRecord,
    ReadHoldingRegisters,
    ReportServerId,
    Request,
    WriteFileRecord,
    WriteSingleRegister,
    parse_request,
)


def rights(functions: str) -> Rights:
    text = f'[[role]]\nname = "Engineer"\n[[role.allow]]\nunits = 1\nfunctions = {functions}'
    return parse_policy(text, file="policy.toml").rights_of("Engineer")


NO_DATA = b"\x00\x00"


@pytest.mark.parametrize(
    ("functions", "allowed", "refused"),
    [
        ('["read-exception-status"]', ReadExceptionStatus(), GetCommEventCounter()),
        ("[7]", ReadExceptionStatus(), GetCommEventCounter()),
        ('["get-comm-event-counter"]', GetCommEventCounter(), GetCommEventLog()),
        ("[11]", GetCommEventCounter(), GetCommEventLog()),
        ('["get-comm-event-log"]', GetCommEventLog(), GetCommEventCounter()),
        ("[12]", GetCommEventLog(), GetCommEventCounter()),
        ('["report-server-id"]', ReportServerId(), ReadExceptionStatus()),
        ("[17]", ReportServerId(), ReadExceptionStatus()),
        ('["diagnostics:0"]', Diagnostics(0, b"ab"), Diagnostics(1, NO_DATA)),
        ('["diagnostics:11-18"]', Diagnostics(18, NO_DATA), Diagnostics(10, NO_DATA)),
        ('["diagnostics:11 - 18"]', Diagnostics(11, NO_DATA), Diagnostics(4, NO_DATA)),
        (
            '["read-file-record:1-4"]',
            ReadFileRecord((FileReference(4, 0, 1),)),
            ReadFileRecord((FileReference(5, 0, 1),)),
        ),
        (
            '["read-file-record:1", "read-file-record:3"]',
            ReadFileRecord((FileReference(3, 0, 1), FileReference(1, 0, 1))),
            ReadFileRecord((FileReference(3, 0, 1), FileReference(2, 0, 1))),
        ),
        (
            '["write-file-record:1"]',
            WriteFileRecord((FileRecord(1, 0, (5,)),)),
            WriteFileRecord((FileRecord(1, 0, (5,)), FileRecord(2, 0, (5,)))),
        ),
        (
            '["write-file-record:1"]',
            WriteFileRecord((FileRecord(1, 0, (5,)),)),
            ReadFileRecord((FileReference(1, 0, 1),)),
        ),
        ('["read-fifo-queue:1246"]', ReadFifoQueue(1246), ReadFifoQueue(1247)),
        ('["canopen"]', CanopenReference(b"x"), ReadDeviceIdentification(1, 0)),
        ('["read-device-identification"]', ReadDeviceIdentification(4, 0x80), CanopenReference(b"x")),
        ('["encapsulated-interface:200"]', OpaqueRequest(43, b"\xc8"), OpaqueRequest(43, b"\xc9")),
        ('["encapsulated-interface:13-14"]', CanopenReference(b""), OpaqueRequest(43, b"\x0f")),
        ("[90]", OpaqueRequest(90, b"anything"), OpaqueRequest(91, b"anything")),
        ("[127]", OpaqueRequest(127, b""), ReadHoldingRegisters(0, 1)),
    ],
)
def test_an_entry_grants_the_named_requests_only(functions: str, allowed: Request, refused: Request) -> None:
    assert rights(functions).decide(1, allowed).allowed
    assert not rights(functions).decide(1, refused).allowed
    assert not rights(functions).decide(2, allowed).allowed
    assert not rights("[]").decide(1, allowed).allowed


def test_a_denial_names_the_entry_that_is_missing() -> None:
    denied = {
        request: rights("[]").decide(1, request).reason
        for request in (
            Diagnostics(4, NO_DATA),
            ReadFileRecord((FileReference(3, 0, 1),)),
            ReadDeviceIdentification(1, 0),
            OpaqueRequest(43, b"\x63"),
            OpaqueRequest(90, b""),
            ReportServerId(),
        )
    }
    assert [reason.removeprefix('no rule of role "Engineer" allows ') for reason in denied.values()] == [
        "diagnostics:4 on unit 1",
        "read-file-record:3 on unit 1",
        "read-device-identification on unit 1",
        "encapsulated-interface:99 on unit 1",
        "function 90 on unit 1",
        "report-server-id on unit 1",
    ]


def test_reading_all_tables_grants_no_queue_and_writing_all_grants_no_file() -> None:
    text = '[[role]]\nname = "E"\n[[role.allow]]\nunits = 1\nread = ["holding"]\nwrite = ["holding"]'
    all_registers = parse_policy(text, file="policy.toml").rights_of("E")
    assert all_registers.decide(1, ReadHoldingRegisters(0, 1)).allowed
    assert not all_registers.decide(1, ReadFifoQueue(0)).allowed
    assert not all_registers.decide(1, WriteFileRecord((FileRecord(1, 0, (5,)),))).allowed


@pytest.mark.parametrize("function_code", [1, 3, 5, 6, 8, 15, 16, 20, 21, 22, 23, 24])
def test_an_opaque_request_with_a_known_function_code_is_denied(function_code: int) -> None:
    everything = (
        '["diagnostics:0-65535", "read-file-record:1-65535", "write-file-record:1-65535", "read-fifo-queue:0-65535"]'
    )
    assert not rights(everything).decide(1, OpaqueRequest(function_code, bytes(4))).allowed


def test_an_opaque_encapsulated_interface_without_its_type_is_denied() -> None:
    assert rights('["encapsulated-interface:0-255"]').decide(1, OpaqueRequest(43, b"\x00")).allowed
    assert not rights('["encapsulated-interface:0-255"]').decide(1, OpaqueRequest(43, b"")).allowed


@pytest.mark.parametrize(
    ("entry", "problem", "hint"),
    [
        ("diagnostics", '"diagnostics" must say which sub-functions', 'for example "diagnostics:0"'),
        (8, "function 8 must say which sub-functions", 'for example "diagnostics:0"'),
        (43, "function 43 must say which MEI types", '"canopen"'),
        (20, "function 20 must say which files", '"read-file-record:1-4"'),
        (24, "function 24 must say which addresses", '"read-fifo-queue:1246"'),
        ("diagnostics:65536", '"diagnostics:65536" is out of range', "sub-functions are 0 to 65535"),
        ("diagnostics:9-2", '"diagnostics:9-2" ends before it begins', "write 2-9"),
        ("diagnostics:", '"diagnostics:" does not name sub-functions', "for example"),
        ("read-file-record:0", '"read-file-record:0" is out of range', "files are 1 to 65535"),
        ("report-server-id:1", '"report-server-id:1" has no parts', 'write "report-server-id"'),
        ("canopen:13", '"canopen:13" is not a function', 'did you mean "canopen"?'),
        ("canopn", '"canopn" is not a function', 'did you mean "canopen"?'),
        ("90", '"90" is not a function', "write the number without quotes: 90"),
        ("", '"" is not a function', "the names are "),
        (3, "function 3 reads or writes a table", "grant it by read and write"),
        (22, "function 22 reads or writes a table", "grant it by read and write"),
        (0, "0 is not a function code", "function codes are 1 to 127"),
        (128, "128 is not a function code", "function codes are 1 to 127"),
        (True, "True is neither a name nor a number", "write names and numbers"),
        (1.5, "1.5 is neither a name nor a number", "write names and numbers"),
    ],
)
def test_an_invalid_entry_is_an_error_with_a_hint(entry: object, problem: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_function(entry)
    assert caught.value.problem == problem
    assert hint in caught.value.hint


def test_entries_keep_the_spelling_of_the_policy() -> None:
    grants = [parse_function(entry) for entry in (7, "diagnostics:4", "encapsulated-interface:13", 90)]
    assert grants == [
        FunctionGrant(7, 0, 0, "read-exception-status"),
        FunctionGrant(8, 4, 4, "diagnostics:4"),
        FunctionGrant(43, 13, 13, "canopen"),
        FunctionGrant(90, 0, 0, "function 90"),
    ]


ALL = """\
[[role]]
name = "Engineer"
[[role.allow]]
units = 1
read = ["holding:0-9", "coils"]
write = ["holding:0-9"]
max = 5
functions = ["diagnostics:0", "canopen", "read-file-record:1", 90]
"""


@pytest.mark.parametrize(
    ("pdu", "may"),
    [
        (b"", False),
        (b"\x00", False),
        (b"\x01", True),
        (b"\x02\x00", False),
        (b"\x03\x00\x00\x00", True),
        (b"\x04", False),
        (b"\x05", False),
        (b"\x06\x00", True),
        (b"\x10\xff", True),
        (b"\x0f", False),
        (b"\x16", False),  # a mask write; every rule for writing has limits
        (b"\x17\x00\x00", True),
        (b"\x08", True),
        (b"\x08\x00", True),
        (b"\x08\x00\x00", True),
        (b"\x08\x00\x01", False),
        (b"\x08\x00\x01\x00", False),
        (b"\x2b", True),
        (b"\x2b\x0d", True),
        (b"\x2b\x0e\x01", False),
        (b"\x14\x07\x06", True),
        (b"\x15", False),
        (b"\x18\x00", False),
        (b"\x5a", True),
        (b"\x5b", False),
        (b"\x83\x02", False),
        (b"\xff", False),
    ],
)
def test_a_malformed_request_is_judged_by_its_function_and_sub_function(pdu: bytes, may: bool) -> None:
    engineer = parse_policy(ALL, file="policy.toml").rights_of("Engineer")
    assert engineer.may_call(1, pdu).allowed is may
    assert not engineer.may_call(2, pdu).allowed
    assert not parse_policy(ALL, file="policy.toml").rights_of("").may_call(1, pdu).allowed


def test_a_malformed_request_is_denied_like_a_well_formed_one() -> None:
    engineer = parse_policy(ALL, file="policy.toml").rights_of("Engineer")
    assert engineer.may_call(1, b"\x2b\x0e") == engineer.decide(1, ReadDeviceIdentification(1, 0))
    assert engineer.may_call(1, b"\x02\x00").reason == 'no rule of role "Engineer" allows function 2 on unit 1'


@pytest.mark.parametrize("function_code", range(1, 128))
def test_a_function_with_an_allowed_request_may_be_called(function_code: int) -> None:
    engineer = parse_policy(ALL, file="policy.toml").rights_of("Engineer")
    pdu = {
        1: b"\x01\x00\x00\x00\x01",
        3: b"\x03\x00\x00\x00\x01",
        6: b"\x06\x00\x00\x00\x01",
        8: b"\x08\x00\x00\x00\x00",
        16: b"\x10\x00\x00\x00\x01\x02\x00\x00",
        20: b"\x14\x07\x06\x00\x01\x00\x00\x00\x01",
        23: b"\x17\x00\x00\x00\x01\x00\x00\x00\x01\x02\x00\x00",
        43: b"\x2b\x0d\x00",
        90: b"\x5a",
    }.get(function_code)
    if pdu is None:
        assert not engineer.may_call(1, bytes((function_code, 0, 0, 0))).allowed
    else:
        assert engineer.decide(1, parse_request(pdu)).allowed
        assert engineer.may_call(1, pdu).allowed
    assert not engineer.decide(1, WriteSingleRegister(0, 6)).allowed
