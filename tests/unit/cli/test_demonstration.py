"""The folder of the demonstration: made once, then kept; certificates are renewed, ports follow the options."""

from __future__ import annotations

import shlex
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from ports import free_ports
from scenarios.programs import run_sealbus
from sealbus.cli.demonstration import Demonstration, Ports, locked_folder, prepare
from sealbus.cli.demonstration_files import POLICY_TOML
from sealbus.cli.tour import render_tour
from sealbus.errors import ConfigError
from sealbus.gateway import load_gateway_file
from sealbus.policy import parse_policy
from sealbus.protocol import parse_request
from sealbus.security import Authority, Identity, KeyFiles, role_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def ports() -> Ports:
    first = free_ports(5)
    return Ports(mbaps=first, plant=first + 1, web=first + 4)


def _prepare(folder: Path, ports: Ports) -> Demonstration:
    folder.mkdir(exist_ok=True)
    return prepare(folder, ports, lambda text: None)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_first_start_makes_everything_and_the_second_changes_nothing(tmp_path: Path, ports: Ports) -> None:
    demonstration = _prepare(tmp_path / "demo", ports)
    first = _contents(tmp_path)
    assert _prepare(tmp_path / "demo", Ports(web=ports.web)) == demonstration
    assert _contents(tmp_path) == first


def test_each_certificate_has_its_role_and_no_key_can_be_read_by_others(tmp_path: Path, ports: Ports) -> None:
    demonstration = _prepare(tmp_path / "demo", ports)
    roles = {}
    for name in ("gateway", "viewer", "operator", "collector"):
        identity = Identity.load(demonstration.certificate(name), demonstration.key(name))
        roles[name] = role_of(identity.pairs[0].chain[0]).value
        assert not identity.warnings
    assert roles == {"gateway": "", "viewer": "Viewer", "operator": "Operator", "collector": "Collector"}
    keys = [*tmp_path.rglob("*.key")]
    assert len(keys) == 5
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_the_gateway_accepts_the_generated_file(tmp_path: Path, ports: Ports) -> None:
    demonstration = _prepare(tmp_path / "demo", ports)
    file = load_gateway_file(demonstration.gateway_file)
    (listener,) = file.listener
    assert listener.url == f"mbaps://127.0.0.1:{ports.mbaps}"
    assert ports.plant is not None
    assert [(device.units, device.url) for device in listener.device] == [
        (str(number + 1), f"tcp://127.0.0.1:{ports.plant + number}") for number in range(3)
    ]


@pytest.mark.parametrize(
    ("role", "unit_id", "pdu", "allowed"),
    [
        ("Viewer", 3, "0400000002", True),
        ("Viewer", 1, "0600640 2ee", False),
        ("Viewer", 1, "050000ff00", False),
        ("Operator", 1, "06006402ee", True),
        ("Operator", 1, "0600640258", True),
        ("Operator", 1, "0600640257", False),
        ("Operator", 1, "06006403e8", False),
        ("Operator", 1, "06006603e8", True),
        ("Operator", 1, "050001ff00", True),
        ("Operator", 1, "050004ff00", False),
        ("Operator", 2, "0600000064", False),
        ("Operator", 2, "0400000001", True),
        ("", 3, "0400000002", False),
    ],
)
def test_the_policy_decides_as_the_tour_describes(role: str, unit_id: int, pdu: str, allowed: bool) -> None:
    policy = parse_policy(POLICY_TOML, file="policy.toml")
    request = parse_request(bytes.fromhex(pdu.replace(" ", "")))
    assert policy.rights_of(role).decide(unit_id, request).allowed is allowed


def test_a_certificate_near_its_end_is_issued_again_for_the_same_key(tmp_path: Path, ports: Ports) -> None:
    demonstration = _prepare(tmp_path / "demo", ports)
    authority = Authority.open(demonstration.authority)
    authority.issue("viewer", role="Viewer", days=20, files=KeyFiles(directory=demonstration.folder))
    key = demonstration.key("viewer").read_bytes()
    kept = demonstration.certificate("operator").read_bytes()
    old = Identity.load(demonstration.certificate("viewer"), demonstration.key("viewer"))
    _prepare(tmp_path / "demo", Ports(web=ports.web))
    new = Identity.load(demonstration.certificate("viewer"), demonstration.key("viewer"))
    assert (new.not_after - old.not_after).days > 300
    assert role_of(new.pairs[0].chain[0]).value == "Viewer"
    assert demonstration.key("viewer").read_bytes() == key
    assert demonstration.certificate("operator").read_bytes() == kept


def test_edits_of_the_user_are_kept_while_ports_follow_the_options(tmp_path: Path, ports: Ports) -> None:
    demonstration = _prepare(tmp_path / "demo", ports)
    edited = demonstration.gateway_file.read_text().replace('name = "demonstration"', 'name = "mine"  # mine')
    demonstration.gateway_file.write_text(edited)
    demonstration.policy_file.write_text("# mine\n")
    assert ports.mbaps is not None
    assert ports.plant is not None
    assert ports.web is not None
    moved = _prepare(tmp_path / "demo", Ports(mbaps=ports.plant + 2, plant=ports.mbaps - 1, web=ports.web))
    text = demonstration.gateway_file.read_text()
    assert 'name = "mine"  # mine' in text
    assert f'url = "mbaps://127.0.0.1:{ports.plant + 2}"' in text
    assert f'url = "tcp://127.0.0.1:{ports.mbaps + 1}"' in text
    assert moved == Demonstration(demonstration.folder, ports.plant + 2, ports.mbaps - 1, ports.web)
    assert demonstration.policy_file.read_text() == "# mine\n"


@pytest.mark.parametrize(("taken", "option"), [(0, "--mbaps-port"), (3, "--plant-port"), (4, "--web-port")])
def test_a_taken_port_is_an_error_that_names_the_option(tmp_path: Path, ports: Ports, taken: int, option: str) -> None:
    assert ports.mbaps is not None
    with socket.create_server(("127.0.0.1", ports.mbaps + taken)), pytest.raises(ConfigError) as caught:
        _prepare(tmp_path / "demo", ports)
    assert caught.value.key == option
    assert f"port {ports.mbaps + taken} on 127.0.0.1" in caught.value.problem
    assert not (tmp_path / "demo" / "gateway.toml").exists()


def test_a_gateway_file_without_its_urls_is_an_error_with_a_hint(tmp_path: Path, ports: Ports) -> None:
    demonstration = _prepare(tmp_path / "demo", ports)
    demonstration.gateway_file.write_text('[[listener]]\nurl = "mbaps://0.0.0.0:802"\n')
    with pytest.raises(ConfigError, match="or remove the file") as caught:
        _prepare(tmp_path / "demo", Ports(web=ports.web))
    assert caught.value.file == str(demonstration.gateway_file)


def test_two_demonstrations_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        locked_folder(tmp_path / "demo", what="the demonstration"),
        pytest.raises(ConfigError, match="runs here already"),
        locked_folder(tmp_path / "demo", what="the demonstration"),
    ):
        pass
    with locked_folder(tmp_path / "demo", what="the demonstration"):
        assert stat.S_IMODE((tmp_path / "demo").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigError, match="--home"),
        locked_folder(tmp_path / "file" / "demo", what="the demonstration"),
    ):
        pass


def test_the_tour_quotes_paths_that_a_shell_would_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "it's here"
    here.mkdir()
    monkeypatch.chdir(here)
    inside = "\n".join(render_tour(Demonstration(here / "var" / "demo", 8802, 5020, 8000)))
    assert f"    cd {shlex.quote(str(here))}\n" in inside
    assert "--certificate var/demo/viewer.crt" in inside
    outside = "\n".join(render_tour(Demonstration(tmp_path / "a b", 8802, 5020, 8000)))
    assert f"--key '{tmp_path}/a b/operator.key'" in outside


def test_a_second_up_is_told_what_runs_in_the_folder_already(tmp_path: Path) -> None:
    for option, folder, what in (((), tmp_path, "sealbus up"), (("--demo",), tmp_path / "demo", "the demonstration")):
        with locked_folder(folder, what=what):
            done = run_sealbus("up", *option, "--home", tmp_path)
        assert done.status == 2
        assert f"{what} runs here already; stop it, or name another folder with --home" in done.stderr
