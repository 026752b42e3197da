"""docs/gateway.md names every key of gateway.toml with its default, every metric and every endpoint, and no others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from prometheus_client.core import CounterMetricFamily

from sealbus.client import Channel, ChannelRules
from sealbus.endpoints import parse_endpoint
from sealbus.errors import ConfigError
from sealbus.gateway.config import (
    DeviceTable,
    GatewayFile,
    GatewayTable,
    IdentityTable,
    LimitsTable,
    ListenerTable,
    parse_gateway_file,
)
from sealbus.gateway.metrics import GatewayCounters, GatewayMetrics
from sealbus.records import RecordState

if TYPE_CHECKING:
    from prometheus_client.core import Metric

DOCUMENT = (Path(__file__).parents[3] / "docs" / "gateway.md").read_text(encoding="utf-8")
TABLES: dict[str, type[msgspec.Struct]] = {
    "[gateway]": GatewayTable,
    "[identity]": IdentityTable,
    "[limits]": LimitsTable,
    "[[listener]]": ListenerTable,
    "[[listener.device]]": DeviceTable,
}


def section(heading: str) -> str:
    """The text under a heading, up to the next heading of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#+ |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading}"
    return found[1]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, one list per row that begins with a name."""
    lines = [line for line in section(heading).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def labels_of(family: Metric) -> str:
    names: tuple[str, ...] = getattr(family, "_labelnames", ())
    return ", ".join(f"`{name}`" for name in names)


def default_of(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return f"`{value!r}`".lower() if isinstance(value, bool) else f"`{value!r}`".replace("'", '"')


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_is_documented_with_its_default(heading: str) -> None:
    documented = {row[0].strip("`"): row[1] for row in rows(heading)}
    assert documented == {field.encode_name: default_of(field) for field in msgspec.structs.fields(TABLES[heading])}


def test_every_table_of_the_file_is_documented() -> None:
    headings = re.findall(r"^### (\[.*\])$", DOCUMENT, re.MULTILINE)
    assert headings == list(TABLES)
    assert {heading.strip("[]").split(".")[0] for heading in headings} == set(GatewayFile.__struct_fields__)


def test_the_example_is_valid_and_an_error_in_it_is_reported_as_shown() -> None:
    example, shown = re.findall(r"^```(?:toml|text)\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)[:2]
    file = parse_gateway_file(example, path=Path("gateway.toml"))
    assert [device.units for device in file.listener[0].device] == ["1-10", [17, "20-29"]]
    with pytest.raises(ConfigError) as slip:
        parse_gateway_file(example.replace("timeout =", "timout ="), path=Path("gateway.toml"))
    assert shown == f"sealbus: {slip.value}\n"


def test_every_documented_endpoint_can_be_dialled() -> None:
    urls = [row[0].strip("`") for row in rows("Endpoint URLs")]
    assert [url.partition(":")[0] for url in urls] == ["tcp", "mbaps", "rtu", "ascii", "rtu+tcp", "ssh+tcp"]
    for url in [*urls, "tcp://[2001:db8::5]:502"]:
        parse_endpoint(url)
        assert f"`{url}`" in DOCUMENT
    for url in ("mbaps://:802", "mbaps://0.0.0.0"):
        parse_endpoint(url, listening=True)
        assert url in DOCUMENT


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("mbaps://plant.example", {"name": "plc-3"}),
        ("rtu:///dev/ttyUSB0", {"baud": "4000000", "parity": "N", "stop": "1", "bytesize": "8"}),
        ("ascii:///dev/ttyUSB0", {"baud": "50", "parity": "O", "stop": "2", "bytesize": "8"}),
        ("ssh+tcp://sealbus@bastion.example/10.0.0.5", {"known_hosts": "/etc/sealbus/hosts", "key": "id"}),
    ],
)
def test_every_documented_option_of_an_endpoint_exists(url: str, options: dict[str, str]) -> None:
    parse_endpoint(f"{url}?{'&'.join(f'{name}={value}' for name, value in options.items())}")
    (row,) = [row for row in rows("Endpoint URLs") if row[0].strip("`").startswith(url.partition("//")[0])]
    if "the same" not in row[2]:
        assert set(re.findall(r"`([a-z_]{3,})`", row[2])) == set(options)


def test_rtu_has_eight_data_bits_and_the_settings_shown_are_the_defaults() -> None:
    assert str(parse_endpoint("rtu:///dev/ttyUSB0")) == "rtu:///dev/ttyUSB0?baud=19200&parity=E&stop=1"
    with pytest.raises(ConfigError):
        parse_endpoint("rtu:///dev/ttyUSB0?bytesize=7")


async def test_every_metric_is_documented_with_its_labels() -> None:
    channel = Channel(parse_endpoint("tcp://127.0.0.1:5020"), ChannelRules())
    metrics = GatewayMetrics(
        counters=GatewayCounters(),
        services={},
        channels={"tcp://127.0.0.1:5020": channel},
        days_left=dict,
        records_state=lambda: "ok",
        alarms={},
    )
    exported = {
        f"{family.name}_total" if isinstance(family, CounterMetricFamily) else family.name: labels_of(family)
        for family in metrics.collect()
    }
    assert {row[0].strip("`"): row[1] for row in rows("Metrics")} == exported


def test_every_state_of_the_record_is_documented() -> None:
    (row,) = [row for row in rows("Metrics") if row[0] == "`sealbus_records_state`"]
    assert re.findall(r"`(\w+)`", row[2]) == [state.name.lower() for state in RecordState]
