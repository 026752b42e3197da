"""The site does not start without HTTPS for its users, with a weak key, or with an open database or bus.

One line names the variable and a hint, and no port is opened.
"""

from __future__ import annotations

import socket
import stat
from typing import TYPE_CHECKING

import pytest

from ports import free_ports
from scenarios.site_process import open_site, refused_start

if TYPE_CHECKING:
    from pathlib import Path

_SECRET = "correct-horse-battery-staple"


@pytest.mark.parametrize(
    ("variables", "named", "hint"),
    [
        ({"SEALBUS_PUBLIC_URL": "http://plant.example"}, "SEALBUS_PUBLIC_URL", "https://HOST"),
        ({"SEALBUS_PUBLIC_URL": "https://*"}, "SEALBUS_PUBLIC_URL", "write https://HOST"),
        ({"SEALBUS_TRUSTED_PROXIES": "10.0.0.1"}, "SEALBUS_PUBLIC_URL", "write https://HOST"),
        ({"SEALBUS_TRUSTED_PROXIES": "proxy"}, "SEALBUS_TRUSTED_PROXIES", "addresses or networks"),
        ({"SEALBUS_TLS_CERTIFICATE": "site.crt"}, "SEALBUS_TLS_KEY", "set both"),
        ({"SEALBUS_SECRET_KEY": "secret"}, "SEALBUS_SECRET_KEY", "leave it out"),
        ({"SEALBUS_SECRET_KEY": "x" * 50}, "SEALBUS_SECRET_KEY", "leave it out"),
        ({"SEALBUS_SECRET_KEY_FILE": "nowhere"}, "SEALBUS_SECRET_KEY_FILE", "name a readable text file"),
        ({"SEALBUS_DATABASE": f"postgresql://u:{_SECRET}@db.example/s"}, "SEALBUS_DATABASE", "sslmode=verify-full"),
        ({"SEALBUS_DATABASE": "postgresql://u:short@db.example/s?sslmode=verify-full"}, "SEALBUS_DATABASE", "strong"),
        ({"SEALBUS_BUS": "redis://redis.example"}, "redis.example", "rediss://"),
        ({"SEALBUS_METRICS": "0.0.0.0:9000"}, "SEALBUS_METRICS", "127.0.0.1:PORT"),
        ({"SEALBUS_SYSLOG_URL": "udp://log.example"}, "SEALBUS_SYSLOG_URL", "syslog+tls://HOST"),
        ({"SEALBUS_SECURITY_CONTACT": "mailto:a@b\r\nX: y"}, "SEALBUS_SECURITY_CONTACT", "mailto:"),
        ({"SEALBUS_TIME_ZONE": "Mars/Olympus"}, "SEALBUS_TIME_ZONE", "Europe/Berlin"),
    ],
)
def test_an_unsafe_setting_is_refused_by_name(variables: dict[str, str], named: str, hint: str, tmp_path: Path) -> None:
    done = refused_start(tmp_path, **variables)
    assert done.status == 2, done.output
    (line,) = done.stderr.splitlines()
    assert named in line
    assert hint in line
    assert _SECRET not in done.output


def test_a_missing_certificate_is_named_with_its_variable(tmp_path: Path) -> None:
    files = {"SEALBUS_TLS_CERTIFICATE": "nowhere.crt", "SEALBUS_TLS_KEY": "nowhere.key"}
    done = refused_start(tmp_path, SEALBUS_PUBLIC_URL="https://plant.example", **files)
    assert done.status == 2, done.output
    problem = "SEALBUS_TLS_CERTIFICATE: nowhere.crt cannot be read: No such file or directory; name the right file"
    assert problem in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_plain_http_off_loopback_never_listens(host: str, tmp_path: Path) -> None:
    port = free_ports(1)
    done = refused_start(tmp_path, listen=f"{host}:{port}")
    assert done.status == 2
    assert "plain HTTP is allowed on loopback only" in done.stderr
    assert "SEALBUS_TLS_CERTIFICATE" in done.stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = refused_start(tmp_path, listen=f"127.0.0.1:{port}")
    assert done.status == 2
    assert f"127.0.0.1:{port}: address already in use" in done.stderr
    assert "--listen" in done.stderr


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    with open_site(tmp_path) as site:
        key = site.home / "web-secret.key"
        first = key.read_text()
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE(site.home.stat().st_mode) == 0o700
        assert len(first) >= 50
        assert "setup-link" in "\n".join(site.program.lines)
    with open_site(tmp_path) as site:
        assert key.read_text() == first


def test_a_folder_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    with open_site(tmp_path) as site:
        assert stat.S_IMODE(site.home.stat().st_mode) == 0o700
