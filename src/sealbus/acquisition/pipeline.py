"""The stages of a sample on its way out, one below the other: `SamplePipeline.flush`.

Changes gather for a tenth of a second and then pass all stages together, so that a calculated tag with inputs on several
devices is evaluated once for all of them. Calculated tags and alarms come before the dead band: a limit that is crossed
inside the dead band of an input counts all the same.

Every sample goes to both sinks: published live, and stored in history. A sink that fails, with any error, is counted
and logged; the samples of that batch are lost to it and to no other. `put` only hands over: history spools the samples, so
that none is lost.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from sealbus.acquisition.tag_states import HeldBack

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from sealbus.samples import Sample


__all__ = ["SamplePipeline", "SampleStore"]

_log = logging.getLogger("sealbus.acquisition")
_BATCH_S: Final = 0.1


class SampleStore(Protocol):
    """Where samples are kept. `put` returns at once."""

    def put(self, samples: Sequence[Sample]) -> object: ...


class SamplePipeline:
    """From changes to samples. `calculate` returns the changes of calculated tags that follow from those of a batch."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        store: SampleStore,
        publish: Callable[[Sequence[Sample]], object],
        calculate: Callable[[Sequence[Sample]], Sequence[Sample]],
    ) -> None:
        self._loop = loop
        self._sinks: tuple[Callable[[Sequence[Sample]], object], ...] = (publish, store.put)
        self._calculate = calculate
        self._pending: list[Sample] = []
        self._timer: asyncio.TimerHandle | None = None
        self.samples = 0
        """How many were handed to the sinks."""
        self.losses = 0
        """How many a sink did not take."""

    def add(self, changes: Sequence[Sample]) -> None:
        """Take changes into the pending batch, which passes a tenth of a second after its first one."""
        if not changes:
            return
        if self._timer is None:
            self._timer = self._loop.call_later(_BATCH_S, self.flush)
        self._pending += changes

    def flush(self) -> None:
        """Let the pending batch pass all stages."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # 1. Decoded changes: what polls have found since the last batch, and what has grown stale.
        changes, self._pending = self._pending, []
        # 2. Calculated tags: what follows from these changes, and from time.
        changes += self._calculated(changes)
        # 3. Alarms will be evaluated here, on every change, including those that the dead band holds back.
        # 4. Dead band: a change inside it ends here.
        samples = [change for change in changes if type(change) is not HeldBack]
        # 5. Publish and store.
        self._hand_over(samples)

    def _calculated(self, changes: Sequence[Sample]) -> Sequence[Sample]:
        try:
            return self._calculate(changes)
        except Exception:  # noqa: BLE001 - an error in a calculated tag must not lose the values that were read
            _log.exception("a batch goes out without the calculated tags that follow from it")
            return ()

    def _hand_over(self, samples: Sequence[Sample]) -> None:
        if not samples:
            return
        self.samples += len(samples)
        for sink in self._sinks:
            try:
                sink(samples)
            except Exception as error:  # noqa: BLE001 - one sink is not to be lost by the other
                self.losses += len(samples)
                _log.error("%d samples could not be handed over: %s", len(samples), error)
