"""What is told, on its way out: gathered for a tenth of a second, then handed over in one piece.

Every sample goes to both sinks: live to whoever looks, and into history. Before a batch goes out, calculated tags get
to see what has changed in it and add their own; if they cannot, the batch goes out all the same. A sink that fails, by
whatever error, is counted and logged; the samples of that batch are lost to it and to nobody else. What must not be
lost is for history to spool, which it does behind `put`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

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
    """`complete` is called with each batch before it goes, and appends to it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        store: SampleStore,
        publish: Callable[[Sequence[Sample]], object],
        complete: Callable[[list[Sample]], None],
    ) -> None:
        self._loop = loop
        self._sinks: tuple[Callable[[Sequence[Sample]], object], ...] = (publish, store.put)
        self._complete = complete
        self._waiting: list[Sample] = []
        self._timer: asyncio.TimerHandle | None = None
        self.samples = 0
        """How many went out."""
        self.losses = 0
        """How many a sink did not take."""

    def told(self) -> list[Sample]:
        """The list to append to. It goes out a tenth of a second after the first call since the last batch."""
        if self._timer is None:
            self._timer = self._loop.call_later(_BATCH_S, self.flush)
        return self._waiting

    def flush(self) -> None:
        """Hand over what has gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        try:
            self._complete(batch)
        except Exception:  # noqa: BLE001 - what was read is not to be lost by what is calculated from it
            _log.exception("a batch goes out without what follows from it")
        if not batch:
            return
        self.samples += len(batch)
        for sink in self._sinks:
            try:
                sink(batch)
            except Exception as error:  # noqa: BLE001 - one sink is not to be lost by the other
                self.losses += len(batch)
                _log.error("%d samples could not be handed over: %s", len(batch), error)
