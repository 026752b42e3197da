"""Endpoint URLs: their meaning, their canonical form, and the errors for invalid ones."""

from __future__ import annotations

import dataclasses

import pytest

from sealbus.endpoints import Endpoint, Parity, Scheme, SerialLine, SshForward, parse_endpoint
from sealbus.errors import ConfigError, LocalError

READ_BACK = {
    "tcp://10.0.0.5": "tcp://10.0.0.5:502",
    "tcp://10.0.0.5:1502": "tcp://10.0.0.5:1502",
    "tcp://10.0.0.5:502/": "tcp://10.0.0.5:502",
    "TCP://Plant.Example": "tcp://plant.example:502",
    "tcp://plant.example.": "tcp://plant.example:502",
    "tcp://[::ffff:10.0.0.5]": "tcp://10.0.0.5:502",
    "tcp://plc_7.local:502": "tcp://plc_7.local:502",
    "tcp://[::1]": "tcp://[::1]:502",
    "tcp://[0:0:0:0:0:0:0:1]:7": "tcp://[::1]:7",
    "tcp://[fe80::1%25eth0]:7": "tcp://[fe80::1%25eth0]:7",
    "tcp://münchen.example": "tcp://xn--mnchen-3ya.example:502",
    "mbaps://plant.example": "mbaps://plant.example:802",
    "mbaps://10.0.0.5:8802?name=plant.example": "mbaps://10.0.0.5:8802?name=plant.example",
    "mbaps://10.0.0.5:8802?name=Plant.EXAMPLE.": "mbaps://10.0.0.5:8802?name=plant.example",
    "mbaps://10.0.0.5:8802?name=münchen.example": "mbaps://10.0.0.5:8802?name=xn--mnchen-3ya.example",
    "rtu+tcp://10.0.0.5:4001": "rtu+tcp://10.0.0.5:4001",
    "rtu:///dev/ttyUSB0": "rtu:///dev/ttyUSB0?baud=19200&parity=E&stop=1",
    "rtu:///dev/ttyUSB0?parity=N": "rtu:///dev/ttyUSB0?baud=19200&parity=N&stop=2",
    "rtu:///dev/ttyUSB0?parity=N&stop=1&baud=9600": "rtu:///dev/ttyUSB0?baud=9600&parity=N&stop=1",
    "rtu:///dev/serial/by-id/usb-A%20B": "rtu:///dev/serial/by-id/usb-A%20B?baud=19200&parity=E&stop=1",
    "ascii:///dev/ttyS1?parity=O": "ascii:///dev/ttyS1?baud=19200&parity=O&stop=1",
    "ascii:///dev/ttyS1?bytesize=8": "ascii:///dev/ttyS1?baud=19200&parity=E&stop=1&bytesize=8",
    "relay://relay.example/site-7": "relay://relay.example:443/site-7",
    "ssh+tcp://joe@bastion/10.0.0.5": "ssh+tcp://joe@bastion:22/10.0.0.5:502",
    "ssh+tcp://joe@Bastion./PLC.": "ssh+tcp://joe@bastion:22/plc:502",
    "relay://Relay.example./site-7": "relay://relay.example:443/site-7",
    "ssh+tcp://joe@[::1]:2222/[::2]:1502?key=/k%20y&known_hosts=/etc/hosts.known": (
        "ssh+tcp://joe@[::1]:2222/[::2]:1502?known_hosts=/etc/hosts.known&key=/k%20y"
    ),
}


@pytest.mark.parametrize(("written", "canonical"), READ_BACK.items())
def test_an_endpoint_gives_its_canonical_url_and_that_means_the_same(written: str, canonical: str) -> None:
    endpoint = parse_endpoint(written)
    assert str(endpoint) == canonical
    assert parse_endpoint(canonical) == endpoint


def test_a_url_becomes_an_endpoint_with_every_part() -> None:
    assert parse_endpoint("mbaps://[::1]?name=plant.example") == Endpoint(
        scheme=Scheme.MBAPS, host="::1", port=802, certificate_name="plant.example"
    )
    assert parse_endpoint("rtu:///dev/ttyUSB0") == Endpoint(
        scheme=Scheme.RTU,
        line=SerialLine(device="/dev/ttyUSB0", baud=19200, parity=Parity.EVEN, stop_bits=1, data_bits=8),
    )
    assert parse_endpoint("ascii:///dev/ttyUSB0").line == SerialLine(device="/dev/ttyUSB0", data_bits=7)
    assert parse_endpoint("relay://relay.example/site-7").site == "site-7"
    assert parse_endpoint("ssh+tcp://jo%40e@bastion/plc?key=~/.ssh/id").forward == SshForward(
        user="jo@e", target_host="plc", target_port=502, known_hosts="", key="~/.ssh/id"
    )


WRONG = {
    "127.0.0.1:502": ("no scheme", "write mbaps://127.0.0.1:502, or tcp://127.0.0.1:502 for plain Modbus"),
    "plant.example": ("no scheme", "write mbaps://plant.example, or tcp://plant.example for plain Modbus"),
    "/dev/ttyUSB0": ("no scheme", "write rtu:///dev/ttyUSB0"),
    "rtu:/dev/ttyUSB0": ("no scheme", "write rtu:///dev/ttyUSB0"),
    "": ("no scheme", "write mbaps://host, or tcp://host for plain Modbus"),
    "http://plant.example": (
        'unknown scheme "http"',
        "the schemes are tcp, mbaps, rtu, ascii, rtu+tcp, relay, ssh+tcp",
    ),
    "modbus://plant.example": ('unknown scheme "modbus"', "write tcp://plant.example"),
    "mbap://plant.example": ('unknown scheme "mbap"', "write mbaps://plant.example"),
    "tcp://": ("the host is missing", "write tcp://host:502"),
    "tcp://:502": ("the host is missing", "write tcp://host:502"),
    "tcp://10.0.0.5:0": ("port 0 is for listeners only", "write the port of the device"),
    "tcp://10.0.0.256": ('"10.0.0.256" is neither a host name nor an address', "write tcp://host:502"),
    "tcp://-plc": ('"-plc" is neither a host name nor an address', "write tcp://host:502"),
    "tcp://::1": ("an IPv6 address needs brackets", "tcp://[::1]"),
    "tcp://[10.0.0.5]": ('"[10.0.0.5]" is not an IPv6 address', "write it as [::1]"),
    "tcp://10.0.0.5:502:3": ('"10.0.0.5:502:3" is not host:port', "write tcp://host:502"),
    "tcp://10.0.0.5:modbus": ('"modbus" is not a port', "a port is a number from 1 to 65535"),
    "tcp://10.0.0.5:": ('"" is not a port', "a port is a number from 1 to 65535"),
    "tcp://10.0.0.5/1": ('tcp URLs have no path, and "/1" is one', "the unit id is a setting of its own"),
    "tcp://joe@10.0.0.5": ("tcp takes no user name", "write tcp://10.0.0.5"),
    "tcp://10.0.0.5?unit=1": ('tcp has no option "unit"', 'leave out "unit"'),
    "tcp://10.0.0.5#1": ("an endpoint has no #fragment", "percent-encode # as %23"),
    "tcp://10.0.0.5\n": ("must not contain '\\n'", "percent-encode it or remove it"),
    "mbaps://host:80200": ('"80200" is not a port', "a port is a number from 1 to 65535"),
    "mbaps://host?nmae=plant": ('unknown option "nmae"', 'did you mean "name"?'),
    "mbaps://host?name=": ("an option without a name or a value", "write name=value, joined by &"),
    "mbaps://host?name=a&name=b": ('the option "name" is given twice', "give it once"),
    "mbaps://host?name=*.example": ('"*.example" is not a host name', "write name=plant.example"),
    "rtu+tcp://10.0.0.5": ("the port is missing, and this scheme has no default", "write rtu+tcp://host:4001"),
    "rtu://ttyUSB0": ("a serial device needs its absolute path", "write rtu:///dev/ttyUSB0"),
    "rtu://dev/ttyUSB0": ("a serial device needs its absolute path", "write rtu:///dev/ttyUSB0"),
    "rtu:///": ("the serial device is missing", "write rtu:///dev/ttyUSB0?baud=19200&parity=E&stop=1"),
    "rtu:///dev/ttyUSB0?baudrate=9600": ('unknown option "baudrate"', 'did you mean "baud"?'),
    "rtu:///dev/ttyUSB0?speed=9600": ('unknown option "speed"', "the options are baud, parity, stop, bytesize"),
    "rtu:///dev/ttyUSB0?baud=fast": ('"fast" is not a speed', "write baud=19200 (50 to 4000000)"),
    "rtu:///dev/ttyUSB0?parity=e": ('parity="e" is not possible', "write parity=N or parity=E or parity=O"),
    "rtu:///dev/ttyUSB0?stop=3": ('stop="3" is not possible', "write stop=1 or stop=2"),
    "rtu:///dev/ttyUSB0?bytesize=7": ("RTU needs 8 data bits", "leave out bytesize, or use ascii://"),
    "relay://relay.example": ("the site must consist of letters, digits, - and _", "write relay://relay-host:443/site"),
    "relay://relay.example/a/b": (
        "the site must consist of letters, digits, - and _",
        "write relay://relay-host:443/site",
    ),
    "ssh+tcp://bastion/plc": (
        "the user name for the SSH server is missing",
        "write ssh+tcp://user@bastion:22/host:502",
    ),
    "ssh+tcp://joe@bastion": ("the host is missing", "write ssh+tcp://user@bastion:22/host:502"),
    "ssh+tcp://joe@bastion/plc?password=x": ("a URL must not contain a secret", "use key=FILE or the ssh agent"),
}


@pytest.mark.parametrize(("written", "expected"), WRONG.items())
def test_a_wrong_url_is_an_error_with_a_hint(written: str, expected: tuple[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_endpoint(written)
    problem, hint = expected
    assert problem in caught.value.problem
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "ssh+tcp://joe:hunter2@bastion/plc",
        "ssh+tcp://joe:hun@ter2@bastion/plc",
        "tcp://joe:hunter2@plc",
        "http://joe:hunter2@plc",
        "joe:hunter2@plc",
        "mbaps://plc?password=hunter2",
        "ssh+tcp://joe@bastion/plc?passphrase=hunter2",
    ],
)
def test_a_secret_in_a_url_is_refused_and_never_shown(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_endpoint(url)
    assert "hunter2" not in str(caught.value)
    assert "ter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("mbaps://0.0.0.0", "mbaps://0.0.0.0:802"),
        ("mbaps://:0", "mbaps://:0"),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:0"),
        ("rtu+tcp://:4001", "rtu+tcp://:4001"),
        ("rtu:///dev/ttyS0", "rtu:///dev/ttyS0?baud=19200&parity=E&stop=1"),
    ],
)
def test_port_0_and_no_host_can_be_listened_on(url: str, canonical: str) -> None:
    assert str(parse_endpoint(url, listening=True)) == canonical


@pytest.mark.parametrize("url", ["ssh+tcp://joe@bastion/plc", "mbaps://plant.example?name=other.example"])
def test_a_url_that_is_only_for_dialling_cannot_be_listened_on(url: str) -> None:
    with pytest.raises(ConfigError):
        parse_endpoint(url, listening=True)


def test_each_scheme_knows_if_it_listens_serves_and_is_encrypted() -> None:
    of_scheme = {parse_endpoint(url).scheme: parse_endpoint(url) for url in READ_BACK}
    assert of_scheme.keys() == set(Scheme)
    assert {it for it, endpoint in of_scheme.items() if endpoint.listens} == {Scheme.TCP, Scheme.MBAPS, Scheme.RELAY}
    assert {it for it, endpoint in of_scheme.items() if not endpoint.serves} == {Scheme.SSH_TCP}
    assert {it for it, endpoint in of_scheme.items() if endpoint.is_encrypted} == {
        Scheme.MBAPS,
        Scheme.RELAY,
        Scheme.SSH_TCP,
    }


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.200.0.1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("[::1]", True),
        ("[::ffff:127.0.0.1]", True),
        ("0.0.0.0", False),
        ("[::]", False),
        ("10.0.0.5", False),
        ("localhost.example", False),
        ("plant.example", False),
    ],
)
def test_loopback_is_a_literal_address_or_localhost(host: str, loopback: bool) -> None:
    assert parse_endpoint(f"tcp://{host}").is_loopback is loopback


def test_the_server_name_is_the_host_unless_the_url_names_another() -> None:
    assert parse_endpoint("mbaps://plant.example").server_name == "plant.example"
    assert parse_endpoint("mbaps://Plant.example.").server_name == "plant.example"
    assert parse_endpoint("mbaps://10.0.0.5?name=plant.example").server_name == "plant.example"
    assert parse_endpoint("mbaps://[fe80::1%25eth0]").server_name == "fe80::1"


def test_the_silence_between_frames_follows_the_line() -> None:
    line = SerialLine(device="/dev/ttyS0", baud=9600)
    assert line.character_s == pytest.approx(11 / 9600)
    assert line.silence_s == pytest.approx(3.5 * 11 / 9600)
    assert dataclasses.replace(line, baud=115200).silence_s == 0.00175


def test_an_endpoint_with_parts_of_different_schemes_cannot_be_made() -> None:
    with pytest.raises(LocalError):
        Endpoint(scheme=Scheme.RTU, host="plant.example")
    with pytest.raises(LocalError):
        Endpoint(scheme=Scheme.TCP, host="plant.example", port=502, line=SerialLine(device="/dev/ttyS0"))


@pytest.mark.parametrize(
    "url",
    [
        "rtu:///dev/ttyUSB0%00x",
        "rtu:///dev/ttyUSB0%0ax",
        "ascii:///dev/ttyS1%7f",
        "rtu:///dev/tty\ud800",
        "ssh+tcp://a%00b@bastion/plc",
        "ssh+tcp://joe@bastion/plc?key=/k%00y",
    ],
)
def test_control_characters_in_a_path_or_name_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"must not contain|does not print") as caught:
        parse_endpoint(url)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url", [f"tcp://plc:{'9' * 5000}", f"rtu:///dev/ttyS0?baud={'1' * 5000}", "rtu:///dev/ttyS0?baud=\uff19600"]
)
def test_an_overlong_or_non_ascii_number_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        parse_endpoint(url)
