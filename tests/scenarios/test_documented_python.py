"""Every example of docs/python.md runs in order and prints the output that stands behind it as a comment.

The examples run beside the demonstration, as the document says, with other ports. One block is for a plain `python`
without a running loop and runs in its own thread.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sealbus
from ports import free_ports
from scenarios.plant import PATIENCE_S
from sealbus.cli.demonstration import Ports, prepare
from sealbus.gateway import GatewayProcess, load_gateway_file
from sealbus.simulation import PlantOptions, run_plant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_DOCUMENT = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
_PORTS = ("8802", "8803", "5020", "5021", "5022")
_WITHOUT_A_LOOP = "sealbus.sync"


@pytest.fixture
async def port_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, str]]:
    """Start the demonstration and change to its folder. Maps the ports of the document to those used here."""
    first = free_ports(len(_PORTS) + 1)
    prepare(tmp_path, Ports(mbaps=first, plant=first + 2, web=first + len(_PORTS)), lambda text: None)
    monkeypatch.chdir(tmp_path)
    ready = asyncio.Event()
    plant = asyncio.create_task(run_plant(PlantOptions(port=first + 2), ready=lambda addresses: ready.set()))
    await asyncio.wait_for(ready.wait(), PATIENCE_S)
    gateway = GatewayProcess(load_gateway_file(tmp_path / "gateway.toml"))
    await gateway.start()
    yield {port: str(first + place) for place, port in enumerate(_PORTS)}
    await gateway.stop("the test is over")
    plant.cancel()
    await asyncio.wait({plant})


def _examples(port_of: dict[str, str]) -> list[str]:
    text = re.sub(r"\b(?:" + "|".join(port_of) + r")\b", lambda port: port_of[port[0]], _DOCUMENT)
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


async def _paste(example: str, names: dict[str, Any]) -> str:
    """Run an example as `python -m asyncio` does and return its output."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if _WITHOUT_A_LOOP in example:
            await asyncio.to_thread(exec, example, {})
        else:
            code = compile(example, "docs/python.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(code, names)
            if inspect.isawaitable(result):
                await result
    return printed.getvalue()


def _promised(example: str) -> str:
    """The comments behind each `print`."""
    prints = [line.strip() for line in example.splitlines() if line.strip().startswith("print(")]
    return "".join(line.partition("  # ")[2] + "\n" for line in prints)


async def test_every_example_prints_the_documented_output(port_of: dict[str, str]) -> None:
    examples = _examples(port_of)
    assert len(examples) > 8
    names: dict[str, Any] = {}
    for example in examples:
        assert await _paste(example, names) == _promised(example), example
    assert names["level"] > 0.5
    for name in ("modbus", "plc"):
        await names[name].close()


async def test_every_call_of_a_connection_is_documented() -> None:
    calls = {
        name
        for name, member in inspect.getmembers(sealbus.Connection, inspect.isfunction)
        if not name.startswith("_") and name not in ("open", "close")
    }
    documented = re.findall(r"^\| `(\w+)\(", _DOCUMENT, re.MULTILINE)
    assert set(documented) == calls


@pytest.mark.parametrize(
    ("function", "heading"), [(sealbus.connect, "argument"), (sealbus.serve, "argument of `serve`")]
)
async def test_every_argument_is_documented(function: Any, heading: str) -> None:
    table = _DOCUMENT.split(f"| {heading} | meaning |\n")[1].split("\n\n")[0]
    documented = {name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert documented == set(inspect.signature(function).parameters)


async def test_the_same_calls_exist_without_a_loop() -> None:
    for name, member in inspect.getmembers(sealbus.Connection, inspect.isfunction):
        if not name.startswith("_"):
            twin = getattr(sealbus.sync.Connection, name)
            assert inspect.signature(twin).parameters.keys() == inspect.signature(member).parameters.keys()


@pytest.mark.parametrize("url", ["rtu+tcp://127.0.0.1:0", "rtu:///dev/ttyUSB0", "relay://relay.example/site"])
async def test_a_server_refuses_an_unsupported_framing(url: str) -> None:
    with pytest.raises(sealbus.ConfigError, match="a server does not listen on"):
        sealbus.serve(url, sealbus.Device({"holding": [0]}), unsafe_no_policy=True)
