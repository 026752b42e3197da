"""Notifies systemd of the state of the service: ready, reloading, alive, stopping (sd_notify(3)). Does nothing without
systemd.
"""

from __future__ import annotations

import os
import socket
import time

__all__ = ["notify", "watchdog_interval_s"]

_TIMEOUT_S = 0.5


def notify(state: str) -> None:
    """Send one state, such as "READY=1". Errors are ignored: the service runs with or without systemd."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if state == "RELOADING=1":
        state += f"\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(_TIMEOUT_S)  # a manager that does not read must not block the gateway
            channel.connect("\0" + address[1:] if address.startswith("@") else address)
            channel.send(state.encode())
    except OSError:
        return


def watchdog_interval_s() -> float | None:
    """Half the interval in which systemd expects a keep-alive; None when it expects none."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2_000_000 if microseconds.isdigit() and int(microseconds) > 0 else None
