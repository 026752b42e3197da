"""A test of a connection is done only if the device answered. Otherwise its result has the failed step and the reason."""

from __future__ import annotations

import ssl
import struct
from typing import TYPE_CHECKING

import pki
from ports import free_ports
from scenarios.collecting import LOOPBACK, connection, neighbours, open_collector, save_identity
from scenarios.plant import Plant, exception, open_device, until
from scenarios.serial_line import RtuDevice, RtuRequest, rtu_frame
from sealbus.plant import CommandResult, CommandState, ConnectionTested, Step, TestConnection
from sealbus.samples import Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scenarios.collecting import Site


def found_by(result: CommandResult) -> ConnectionTested:
    assert isinstance(result.found, ConnectionTested)
    return result.found


async def trial(site: Site, url: str, **options: str | float) -> CommandResult:
    """Test a connection that is in no plan."""
    site.apply(networks=("/dev/pts/*", LOOPBACK))
    options.setdefault("timeout_s", 0.3)
    return await site.execute(TestConnection(id=1, connection=connection(9, url, **options)))


async def test_a_device_that_answers_passes(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        result = await trial(site, f"tcp://127.0.0.1:{device.port}")
        assert (result.state, result.failed_at) == (CommandState.DONE, None)
        found = found_by(result)
        assert [step.step for step in found.steps] == [Step.RESOLVE, Step.CONNECT, Step.ANSWER]
        assert (found.address, found.exception) == ("127.0.0.1", None)
        assert found.answer_s is not None
        await until(lambda: not device.live)


async def test_a_device_that_answers_with_an_exception_passes(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        device.answer = lambda request: request[:4] + b"\0\3" + request[6:7] + exception(3, 2)
        result = await trial(site, f"tcp://127.0.0.1:{device.port}")
        assert (result.state, found_by(result).exception) == (CommandState.DONE, 2)
        assert "exception 02" in result.reason


async def test_a_gateway_without_its_device_is_a_failure(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        device.answer = lambda request: request[:4] + b"\0\3" + request[6:7] + exception(3, 11)
        result = await trial(site, f"tcp://127.0.0.1:{device.port}")
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.ANSWER)
        assert "exception 0B" in result.reason


async def test_a_closed_port_is_a_failure_to_connect(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        port = device.port
        await device.stop()
        result = await trial(site, f"tcp://127.0.0.1:{port}")
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.CONNECT)
        assert "connection refused" in result.reason
        assert not found_by(result).steps[-1].ok


async def test_a_silent_device_is_a_failure_to_answer(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        device.answer = lambda request: None
        result = await trial(site, f"tcp://127.0.0.1:{device.port}")
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.ANSWER)
        assert "did not answer in time" in result.reason
        assert len(device.requests) == 1


async def test_an_echo_is_noticed_and_its_setting_proposed(tmp_path: Path) -> None:
    async with RtuDevice() as device, open_collector(tmp_path) as site:

        def echo(request: RtuRequest) -> bytes:
            return rtu_frame(request.unit, request.pdu)

        device.answer = lambda request: [echo(request), device.normal_answer(request) or b""]
        for options, proposed in (({}, [("local_echo", True)]), ({"local_echo": True}, [])):
            result = await trial(site, device.url, **options)
            assert result.state is CommandState.DONE
            assert [(each.setting, each.value) for each in found_by(result).proposals] == proposed
        device.answer = echo
        result = await trial(site, device.url)
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.ANSWER)
        assert "only the echo of the request came" in result.reason
        assert [each.setting for each in found_by(result).proposals] == ["local_echo"]


async def test_an_answer_with_another_id_is_noticed_and_its_setting_proposed(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        answers: dict[str, Callable[[bytes], bytes]] = {
            "lenient_unit_id": lambda it: it[:6] + b"\0" + it[7:],
            "lenient_transaction_id": lambda it: b"\7\7" + it[2:],
        }
        for setting, change in answers.items():
            device.answer = lambda request, change=change: change(device.normal_answer(request))  # type: ignore[misc]
            result = await trial(site, f"tcp://127.0.0.1:{device.port}", in_flight=2)
            assert result.state is CommandState.FAILED
            proposals = [(each.setting, each.value) for each in found_by(result).proposals]
            assert proposals == [(setting, True), ("in_flight", 1)]
            result = await trial(site, f"tcp://127.0.0.1:{device.port}", **dict(proposals))
            assert (result.state, found_by(result).proposals) == (CommandState.DONE, ())


async def test_something_that_is_not_modbus_is_a_failure_to_answer(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        device.answer = lambda request: b"HTTP/1.1 400 Bad Request\r\n\r\n"
        result = await trial(site, f"tcp://127.0.0.1:{device.port}")
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.ANSWER)


async def test_an_unknown_name_is_a_failure_to_resolve(tmp_path: Path) -> None:
    async def unknown_host(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    async with open_collector(tmp_path, resolve=unknown_host) as site:
        result = await trial(site, "tcp://nowhere.example:502")
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.RESOLVE)


async def test_an_invalid_url_and_a_connection_that_is_not_in_use_are_refused(tmp_path: Path) -> None:
    async with open_collector(tmp_path) as site:
        result = await trial(site, "tcp//device")
        assert (result.state, result.failed_at) == (CommandState.REFUSED, Step.RULES)
        result = await site.execute(TestConnection(id=2, connection=77))
        assert (result.state, "connection 77" in result.reason) == (CommandState.REFUSED, True)


# -- through mutual TLS


async def test_a_gateway_that_lets_us_read_passes_and_shows_its_certificate(plant: Plant, tmp_path: Path) -> None:
    async with open_collector(tmp_path) as site:
        save_identity(site.identities / "viewer", plant.root, trusts=plant.root)
        result = await trial(site, plant.url, identity="viewer")
        found = found_by(result)
        assert result.state is CommandState.DONE
        assert found.fingerprint
        assert found.certificate
        assert found.not_after_us is not None


async def test_a_gateway_whose_policy_denies_our_role_says_so(plant: Plant, tmp_path: Path) -> None:
    async with open_collector(tmp_path) as site:
        save_identity(site.identities / "stranger", plant.root, role="Nobody", trusts=plant.root)
        result = await trial(site, plant.url, identity="stranger")
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.ALLOWED)
        assert found_by(result).exception == 1
        assert "policy" in result.reason


async def test_a_gateway_that_does_not_trust_our_certificate_is_a_failure_of_tls(plant: Plant, tmp_path: Path) -> None:
    async with open_collector(tmp_path) as site:
        save_identity(site.identities / "foreign", pki.make_root(), trusts=plant.root)
        result = await trial(site, plant.url, identity="foreign")
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.TLS), result.reason


async def test_a_gateway_that_we_do_not_trust_is_a_failure_of_tls_and_receives_no_request(
    plant: Plant, tmp_path: Path
) -> None:
    async with open_collector(tmp_path) as site:
        save_identity(site.identities / "wary", plant.root, trusts=pki.make_root())
        result = await trial(site, plant.url, identity="wary")
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.TLS), result.reason
        assert plant.device.requests == []


async def test_a_server_with_the_certificate_of_another_host_is_a_failure_of_tls(tmp_path: Path) -> None:
    root = pki.make_root()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.make_leaf(root, hosts=["other.example"]).save(tmp_path, "server"))

    async def resolve_to_loopback(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with open_device(tls=context) as device, open_collector(tmp_path, resolve=resolve_to_loopback) as site:
        save_identity(site.identities / "viewer", root, trusts=root)
        result = await trial(site, f"mbaps://plant.example:{device.port}", identity="viewer")
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.TLS), result.reason
        result = await trial(site, f"mbaps://other.example:{device.port}", identity="viewer")
        assert result.state is CommandState.DONE, "the certificate must contain the entered name"
        result = await trial(site, f"mbaps://plant.example:{device.port}?name=other.example", identity="viewer")
        assert result.state is CommandState.DONE


async def test_an_identity_without_files_is_named(plant: Plant, tmp_path: Path) -> None:
    async with open_collector(tmp_path) as site:
        result = await trial(site, plant.url, identity="unknown_host")
        assert (result.state, result.failed_at) == (CommandState.FAILED, Step.RULES), result.reason
        assert "unknown_host" in result.reason


async def test_a_connection_of_the_plan_is_tested_over_its_own_socket(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(1)))
        await site.wait_for_good(1000)
        result = await site.execute(TestConnection(id=1, connection=1, place="holding:4242"))
        assert result.state is CommandState.DONE
        assert device.connections == 1
        assert struct.pack(">BHH", 3, 4242, 1) in [request[7:] for request in device.requests]


async def test_a_unit_that_is_held_back_receives_the_request_of_a_test(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        device.answer = lambda request: None
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(1), timeout_s=0.5))
        await until(lambda: bool(site.collector.state().connections[0].silent_units))
        device.answer = device.normal_answer
        result = await site.execute(TestConnection(id=1, connection=1))
        assert result.state is CommandState.DONE
        await site.wait_for_good(1000)


async def test_files_that_are_not_in_force_are_reported(tmp_path: Path) -> None:
    root = pki.make_root()
    async with open_collector(tmp_path) as site:
        folder = site.identities / "viewer"
        save_identity(folder, root, trusts=root)
        url = f"mbaps://127.0.0.1:{free_ports(1)}"
        site.apply(connection(1, url, *neighbours(1), identity="viewer"))
        await site.wait_for_bad(1000, Reason.UNREACHABLE)
        good = await site.execute(TestConnection(id=1, connection=1))
        (folder / "key.pem").write_text("half")
        bad = await site.execute(TestConnection(id=2, connection=1))
        assert (good.state, "key.pem" in good.reason) == (CommandState.FAILED, False)
        assert (bad.state, "key.pem" in bad.reason) == (CommandState.FAILED, True)
