"""How often people may start single sign-on, and come back from the provider: in this process, per address and in all.

Both steps are open to everybody and can make the site ask the provider, so they are counted before anything is stored or
sent. The limit for all keeps one site from being a nuisance to its provider; the limit per address keeps one address from
using it up. An IPv6 network of 64 bits counts as one address.
"""

from __future__ import annotations

import threading

from sealbus.endpoints import address_group
from sealbus.token_bucket import TokenBucket

__all__ = ["ALLOWANCE", "Allowance"]

_PER_ADDRESS = 40
_IN_ALL = 400
_WINDOW_S = 60.0
_MAX_ADDRESSES = 10_000


class Allowance:
    """Steps in the last minute or so."""

    def __init__(
        self,
        per_address: int = _PER_ADDRESS,
        in_all: int = _IN_ALL,
        most_addresses: int = _MAX_ADDRESSES,
        window_s: float = _WINDOW_S,
    ) -> None:
        self._per_address, self._in_all, self._most_addresses = per_address, in_all, most_addresses
        self._window_s = window_s
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget all steps."""
        with self._lock:
            self._all = TokenBucket(self._in_all / self._window_s, self._in_all)
            self._by_address: dict[str, TokenBucket] = {}

    def take(self, address: str, now: float) -> bool:
        """Count one step; `now` is monotonic, in seconds. False above the limit of the address, or of all."""
        network = address_group(address)
        with self._lock:
            bucket = self._by_address.get(network)
            if bucket is None:
                if len(self._by_address) >= self._most_addresses:
                    self._drop_idle(now)
                if len(self._by_address) >= self._most_addresses:
                    return False
                bucket = self._by_address[network] = TokenBucket(self._per_address / self._window_s, self._per_address)
            return bucket.take(now) and self._all.take(now)

    def _drop_idle(self, now: float) -> None:
        """Drop the addresses whose allowance is whole again."""
        for network, bucket in list(self._by_address.items()):
            bucket.refill(now)
            if bucket.left >= self._per_address:
                del self._by_address[network]


ALLOWANCE = Allowance()
"""Of this process."""
