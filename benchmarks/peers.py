"""The four programs that terminate mutual TLS in front of a plain device: Sealbus, nginx, HAProxy, stunnel.

Each gets its shortest fair configuration for the same job: TLS 1.3 only, AES-128-GCM where it can be chosen, a required
and verified client certificate, no session tickets, one worker or thread, no access log. nginx, HAProxy and stunnel copy
bytes and open one connection to the device per client. Sealbus parses each request, decides by role and register, checks
each answer and writes its records. `probe` checks after each start that a peer does its job.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.certificates import ROLE
from benchmarks.machine import NotMeasuredError, find_program, free_port, running, wait_for_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.certificates import Certificates

__all__ = ["HAPROXY", "NGINX", "PEERS", "SEALBUS", "STUNNEL", "Job", "Peer", "serving"]

_READ = bytes.fromhex("0a0100000006010300000001")
_READ_ANSWER = bytes.fromhex("0a01000000050103020007")  # the device's register 0 holds 7
_WRITE = bytes.fromhex("0a0200000006010600000001")
_DENIED = bytes.fromhex("0a0200000003018601")
_TIMEOUT_S = 5.0
_MAX_CLIENTS = 12000  # the clients of a benchmark share one identity


@dataclass(frozen=True, slots=True)
class Job:
    """Where to listen, which device to serve, and how Sealbus reaches it; the others open one connection per client."""

    folder: Path
    certificates: Certificates
    listen_port: int
    device_port: int
    connections: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that can do the job. `configure` writes its files and returns the command."""

    name: str
    configure: Callable[[Job], list[str]]
    version: Callable[[], str] = lambda: ""
    inspects: bool = False


@contextlib.contextmanager
def serving(peer: Peer, job: Job, *, core: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start the peer on its core, probe that it does its job, and stop it afterwards."""
    job.folder.mkdir()
    log = job.folder / "log"
    with running(peer.configure(job), core=core, log=log) as process:
        wait_for_port(job.listen_port, process, log)
        probe(peer, job)
        yield process


def probe(peer: Peer, job: Job) -> None:
    """NotMeasuredError for a peer that serves without a client certificate, or if Sealbus does not check rights."""
    if _exchange(job, _READ, with_certificate=False) == _READ_ANSWER:
        raise NotMeasuredError(f"{peer.name} served a client without a certificate")
    answer = _exchange(job, _READ, with_certificate=True)
    if answer != _READ_ANSWER:
        raise NotMeasuredError(f"{peer.name} answered {answer.hex() or 'nothing'} to an allowed request")
    if peer.inspects and (answer := _exchange(job, _WRITE, with_certificate=True)) != _DENIED:
        raise NotMeasuredError(
            f"{peer.name} answered {answer.hex() or 'nothing'} to a write that the role may not make"
        )


def _exchange(job: Job, request: bytes, *, with_certificate: bool) -> bytes:
    context = ssl.create_default_context(cafile=str(job.certificates.anchor))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if with_certificate:
        context.load_cert_chain(job.certificates.client, job.certificates.client_key)
    try:
        with (
            socket.create_connection(("127.0.0.1", job.listen_port), timeout=_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as sealed,
        ):
            sealed.sendall(request)
            return sealed.recv(260)
    except OSError:
        return b""


def _version(*command: str) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[^\s]*", done.stdout + done.stderr)
    return found[0] if found else "unknown"


def _write(job: Job, name: str, text: str) -> str:
    path = job.folder / name
    path.write_text(text)
    return str(path)


# ---- nginx ----


def _configure_nginx(job: Job) -> list[str]:
    module = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
    if not module.exists():
        raise NotMeasuredError("nginx has no stream module; install the Debian package libnginx-mod-stream")
    configuration = _write(
        job,
        "nginx.conf",
        f"""
load_module {module};
daemon off;
worker_processes 1;
pid {job.folder}/nginx.pid;
error_log {job.folder}/error.log error;
events {{ worker_connections 4096; }}
stream {{
    server {{
        listen 127.0.0.1:{job.listen_port} ssl;
        ssl_certificate {job.certificates.server};
        ssl_certificate_key {job.certificates.server_key};
        ssl_client_certificate {job.certificates.anchor};
        ssl_verify_client on;
        ssl_protocols TLSv1.3;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        ssl_session_cache off;
        ssl_session_tickets off;
        proxy_pass 127.0.0.1:{job.device_port};
    }}
}}
""",
    )
    return [find_program("nginx", "nginx"), "-p", str(job.folder), "-e", f"{job.folder}/error.log", "-c", configuration]


# ---- HAProxy ----


def _configure_haproxy(job: Job) -> list[str]:
    both = job.certificates.server.with_suffix(".pem")
    tls = f"ssl crt {both} ca-file {job.certificates.anchor} verify required"
    configuration = _write(
        job,
        "haproxy.cfg",
        f"""
global
    maxconn 4096
    nbthread 1
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
    ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets
    tune.ssl.cachesize 0
defaults
    mode tcp
    timeout connect 5s
    timeout client 10m
    timeout server 10m
listen mbaps
    bind 127.0.0.1:{job.listen_port} {tls}
    server device 127.0.0.1:{job.device_port}
""",
    )
    return [find_program("haproxy", "haproxy"), "-db", "-f", configuration]


# ---- stunnel ----


def _configure_stunnel(job: Job) -> list[str]:
    configuration = _write(
        job,
        "stunnel.conf",
        f"""
foreground = yes
pid =
debug = err
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1

[mbaps]
accept = 127.0.0.1:{job.listen_port}
connect = 127.0.0.1:{job.device_port}
cert = {job.certificates.server}
key = {job.certificates.server_key}
CAfile = {job.certificates.anchor}
verifyChain = yes
requireCert = yes
sslVersion = TLSv1.3
ciphersuites = TLS_AES_128_GCM_SHA256
options = NO_TICKET
sessionCacheSize = 1
""",
    )
    return [find_program("stunnel", "stunnel4"), configuration]


# ---- Sealbus ----


def _configure_sealbus(job: Job) -> list[str]:
    _write(
        job, "policy.toml", f'[[role]]\nname = "{ROLE}"\n[[role.allow]]\nunits = "1-10"\nread = ["holding:0-9999"]\n'
    )
    configuration = _write(
        job,
        "gateway.toml",
        f"""
[gateway]
name = "benchmark"
records = "records"
metrics = "127.0.0.1:{free_port()}"

[limits]
connections = {_MAX_CLIENTS}
connections_per_identity = {_MAX_CLIENTS}

[identity]
certificate = "{job.certificates.server}"
key = "{job.certificates.server_key}"
trust = ["{job.certificates.anchor}"]

[[listener]]
url = "mbaps://127.0.0.1:{job.listen_port}"
policy = "policy.toml"

[[listener.device]]
units = "1-10"
url = "tcp://127.0.0.1:{job.device_port}"
connections = {job.connections}
in_flight = {job.in_flight}
timeout = 5.0
""",
    )
    return [_sealbus(), "gateway", configuration]


def _sealbus() -> str:
    beside_python = Path(sys.executable).with_name("sealbus")
    return str(beside_python) if beside_python.exists() else find_program("sealbus", "none: pip install .")


SEALBUS = Peer("Sealbus", _configure_sealbus, inspects=True)
NGINX = Peer("nginx", _configure_nginx, lambda: _version(find_program("nginx", "nginx"), "-v"))
HAPROXY = Peer("HAProxy", _configure_haproxy, lambda: _version(find_program("haproxy", "haproxy"), "-v"))
STUNNEL = Peer("stunnel", _configure_stunnel, lambda: _version(find_program("stunnel", "stunnel4"), "-version"))
PEERS = (NGINX, HAPROXY, STUNNEL)
