"""A rate limit for each address group, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict

from sealbus.token_bucket import TokenBucket

__all__ = ["Allowances"]

_MAX = 10_000


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

    def wait_s(self, group: str, now: float, *, most_s: float) -> float | None:
        """Take one, and return how long to wait until it is earned. None, and nothing taken, where that is over `most_s`."""
        allowance = self._allowance(group)
        allowance.refill(now)
        wait_s = max(0.0, (1.0 - allowance.left) / self._rate_per_s)
        if wait_s > most_s:
            return None
        allowance.spend(1.0)
        return wait_s

    def _allowance(self, group: str) -> TokenBucket:
        allowance = self._of_group.get(group)
        if allowance is None:
            allowance = self._of_group[group] = TokenBucket(self._rate_per_s, self._burst)
            if len(self._of_group) > _MAX:
                self._of_group.popitem(last=False)
        self._of_group.move_to_end(group)
        return allowance
