"""A rate limit for each address group, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict

from sealbus.token_bucket import TokenBucket

__all__ = ["Allowances"]

_MOST = 10_000


class Allowances:
    """The allowances of the addresses that asked last. One that is dropped for another starts full when it asks again."""

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._rate_per_s, self._burst = rate_per_s, burst
        self._of_group: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._of_group)

    def take(self, group: str, now: float) -> bool:
        """Take one. False where it is used up."""
        return self._allowance(group).take(now)

    def wait_s(self, group: str, now: float) -> float:
        """Take one in any case, and return how long to wait until it was earned."""
        allowance = self._allowance(group)
        allowance.refill(now)
        allowance.spend(1.0)
        return max(0.0, -allowance.left / self._rate_per_s)

    def _allowance(self, group: str) -> TokenBucket:
        allowance = self._of_group.get(group)
        if allowance is None:
            allowance = self._of_group[group] = TokenBucket(self._rate_per_s, self._burst)
            if len(self._of_group) > _MOST:
                self._of_group.popitem(last=False)
        self._of_group.move_to_end(group)
        return allowance
