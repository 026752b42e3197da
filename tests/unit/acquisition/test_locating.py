"""The address that is dialled is the one that was checked, and no other connection owns it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from sealbus.acquisition.locating import LocatingError, Locator
from sealbus.endpoints import Endpoint, NetworkRules, Scheme, SerialLine, parse_endpoint
from sealbus.plant import Step

if TYPE_CHECKING:
    from pathlib import Path


class Names:
    """A name service with a prepared list of answers, one for each query."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not answer:
            raise OSError("no such host")
        return answer


def locator(names: Names, *rules: str) -> Locator:
    made = Locator(names)
    made.use(NetworkRules.parse(rules))
    return made


async def test_a_name_is_resolved_once_and_its_address_is_dialled() -> None:
    names = Names(["10.0.0.5"], ["127.0.0.1"])
    located = await locator(names, "10.0.0.0/8").locate(parse_endpoint("mbaps://plant.example"), 1)
    assert (located.address, located.host, located.server_name) == ("10.0.0.5", "plant.example", "plant.example")
    assert names.asked == ["plant.example"]


async def test_a_name_that_resolves_to_another_address_is_checked_again() -> None:
    where = locator(Names(["10.0.0.5"], ["127.0.0.1"]), "10.0.0.0/8")
    await where.locate(parse_endpoint("tcp://plant.example"), 1)
    with pytest.raises(LocatingError) as caught:
        await where.locate(parse_endpoint("tcp://plant.example"), 1)
    assert caught.value.step is Step.RULES


async def test_of_several_addresses_the_allowed_ones_are_dialled_in_turn() -> None:
    where = locator(Names(["127.0.0.1", "10.0.0.5", "169.254.169.254", "10.0.0.6"]), "10.0.0.0/8")
    found = [(await where.locate(parse_endpoint("tcp://plant.example"), 1)).address for _ in range(3)]
    assert found == ["10.0.0.5", "10.0.0.6", "10.0.0.5"]


@pytest.mark.parametrize(
    "url",
    [
        "tcp://127.0.0.1",
        "tcp://[::1]",
        "tcp://[::ffff:127.0.0.1]",
        "tcp://169.254.169.254",
        "tcp://10.0.0.5:22",
        "tcp://0x7f.1",
        "ssh+tcp://joe@10.0.0.5:502/127.0.0.1",
        "ssh+tcp://joe@10.0.0.5:502/metadata.internal",
        "rtu:///dev/null",
    ],
)
async def test_a_literal_address_that_is_not_allowed_is_refused_before_resolving(url: str) -> None:
    names = Names(["10.0.0.5"])
    with pytest.raises(LocatingError) as caught:
        await locator(names, "10.0.0.0/8", "0.0.0.0/0 502").locate(parse_endpoint(url), 1)
    assert caught.value.step is Step.RULES
    assert names.asked == []


async def test_a_name_without_an_address_and_a_silent_name_service_are_different_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(LocatingError, match='no host "nowhere"') as caught:
        await locator(Names([]), "10.0.0.0/8").locate(parse_endpoint("tcp://nowhere"), 1)
    assert caught.value.step is Step.RESOLVE

    async def silence(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr("sealbus.acquisition.locating._LOOK_UP_S", 0.01)
    where = Locator(silence)
    where.use(NetworkRules.parse(["10.0.0.0/8"]))
    with pytest.raises(LocatingError, match="does not answer"):
        await where.locate(parse_endpoint("tcp://plant.example"), 1)


async def test_a_host_and_port_has_one_owner_under_all_its_names() -> None:
    where = locator(Names(["10.0.0.5"]), "10.0.0.0/8")
    await where.locate(parse_endpoint("tcp://plant.example"), 1)
    await where.locate(parse_endpoint("tcp://plant.example"), 1)
    for url in ("tcp://PLANT.example", "mbaps://10.0.0.5:502", "rtu+tcp://alias.example:502"):
        with pytest.raises(LocatingError, match="belongs to connection 1"):
            await where.locate(parse_endpoint(url), 2)
    where.release(1)
    await where.locate(parse_endpoint("tcp://plant.example"), 2)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tcp://127.0.0.1", "tcp://[::ffff:127.0.0.1]"),
        ("tcp://127.0.0.1", "tcp://[::ffff:7f00:1%25lo]"),
        ("tcp://[::1]", "tcp://[0:0:0:0:0:0:0:1%25lo]"),
        ("tcp://[2001:db8::1]", "tcp://[2001:DB8:0::1%25eth0]"),
        ("ssh+tcp://joe@10.0.0.5:502/10.0.0.6", "ssh+tcp://ann@10.0.0.5:502/[::ffff:10.0.0.6]"),
    ],
)
async def test_an_address_has_one_owner_under_all_its_spellings_and_is_dialled_in_one_form(
    one: str, other: str
) -> None:
    async def as_typed(host: str, port: int) -> list[str]:
        return [host]

    where = Locator(as_typed)
    where.use(NetworkRules.parse(["127.0.0.1", "::1", "10.0.0.0/8", "2001:db8::/32"]))
    located = await where.locate(parse_endpoint(one), 1)
    assert where.owner(parse_endpoint(other)) == 1
    with pytest.raises(LocatingError, match="belongs to connection 1"):
        await where.locate(parse_endpoint(other), 2)
    where.release(1)
    assert (await where.locate(parse_endpoint(other), 2)).address == located.address


async def test_a_link_local_address_on_another_link_is_a_different_address() -> None:
    where = locator(Names([]), "fe80::/10")
    where.reserve(parse_endpoint("tcp://[fe80::1%25eth0]"), 1)
    assert where.owner(parse_endpoint("tcp://[fe80::1%25eth0]")) == 1
    assert where.owner(parse_endpoint("tcp://[fe80::1%25eth1]")) is None


async def test_a_path_that_no_system_accepts_is_refused_without_other_effects() -> None:
    where = locator(Names([]), "/dev/*")
    endpoint = Endpoint(scheme=Scheme.RTU, line=SerialLine(device="/dev/ttyUSB0\0x"))
    with pytest.raises(LocatingError, match="not a path"):
        where.reserve(endpoint, 1)
    with pytest.raises(LocatingError, match="not a path"):
        await where.locate(endpoint, 1)


async def test_two_targets_behind_one_ssh_server_are_two_ports() -> None:
    where = locator(Names(["10.0.0.5"]), "10.0.0.0/8 22", "plc-1 502", "plc-2 502")
    await where.locate(parse_endpoint("ssh+tcp://joe@bastion/plc-1"), 1)
    await where.locate(parse_endpoint("ssh+tcp://joe@bastion/plc-2"), 2)
    with pytest.raises(LocatingError, match="belongs to connection 1"):
        await where.locate(parse_endpoint("ssh+tcp://joe@bastion/plc-1"), 3)


async def test_a_serial_device_has_one_owner_under_all_its_paths(tmp_path: Path) -> None:
    device, link = tmp_path / "ttyUSB0", tmp_path / "by-id"
    device.touch()
    link.symlink_to(device)
    where = locator(Names([]), f"{tmp_path}/*")
    located = await where.locate(parse_endpoint(f"rtu://{link}"), 1)
    assert located.line is not None
    assert located.line.device == os.path.realpath(device)
    with pytest.raises(LocatingError, match="belongs to connection 1"):
        await where.locate(parse_endpoint(f"rtu://{device}?baud=9600"), 2)
    assert where.owner(parse_endpoint(f"ascii://{device}")) == 1


async def test_the_first_connection_to_reserve_is_the_owner() -> None:
    where = locator(Names(["10.0.0.5"]), "10.0.0.0/8")
    where.reserve(parse_endpoint("tcp://10.0.0.5"), 1)
    where.reserve(parse_endpoint("tcp://10.0.0.5"), 2)
    with pytest.raises(LocatingError, match="belongs to connection 1"):
        await where.locate(parse_endpoint("tcp://10.0.0.5"), 2)
    await where.locate(parse_endpoint("tcp://10.0.0.5"), 1)


async def test_a_test_may_dial_a_host_again_but_not_a_serial_line_that_has_an_owner(tmp_path: Path) -> None:
    device = tmp_path / "ttyUSB0"
    device.touch()
    where = locator(Names(["10.0.0.5"]), "10.0.0.0/8", f"{tmp_path}/*")
    await where.locate(parse_endpoint("tcp://plant.example"), 1)
    await where.locate(parse_endpoint("tcp://plant.example"), -2)
    await where.locate(parse_endpoint("tcp://plant.example"), 1)
    await where.locate(parse_endpoint(f"rtu://{device}"), 3)
    with pytest.raises(LocatingError, match="belongs to connection 3"):
        await where.locate(parse_endpoint(f"rtu://{device}"), -2)


async def test_a_located_address_is_checked_again_when_the_rules_change() -> None:
    where = locator(Names(["10.0.0.5"]), "10.0.0.0/8")
    located = await where.locate(parse_endpoint("tcp://plant.example"), 1)
    assert where.objection(located) is None
    where.use(NetworkRules.parse(["10.1.0.0/16"]))
    assert "none of the allowed" in (where.objection(located) or "")
