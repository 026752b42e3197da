"""Which process polls the devices of a site, and what keeps it running while the rest is down? The collector process.

It joins the polling engine (`acquisition`) with the site (`CollectorStore`), with history and with the bus. It refuses
to know what the site is stored in: no Django, no SQL. `cli` makes the store and calls `run_collector`.

| module | what it does |
| --- | --- |
| process | opens history and bus, runs the tasks below, stops them in order |
| lease | waits for the lease of this collector, and renews it |
| versions | learns by hints, and by reading version numbers, that plan or commands have changed |
| plan_sync | gives a changed plan to the engine, and changed retention to history |
| commands | claims commands for the engine, brings their progress and results back |
| publishing | live values, keepalive, and the answers to requests for a snapshot or the state |
| records_intake | takes gateways' records into the audit |
| store_thread | runs the calls to the store outside the event loop |

Invariants:

* The event loop never waits for a database. Calls to the store run in two threads: one for short calls, one for the
  intake of records. History has a thread of its own. The bus never blocks.
* Without the database the last plan stays in force, samples go to the spool, and results wait in memory. There are never
  more results than commands that were claimed.
* A hint makes a change effective at once. Hints may be lost: the version numbers are read every half second as well.
* A lease makes sure that one process per collector id polls. When it was stopped, the next one takes over at once; when
  it died, after twenty seconds. While the database is down no process can take the lease, and its holder continues.
* At the end the tasks are cancelled first, so that no keepalive confirms values that are not polled; then the engine
  is closed, which hands over the last samples and results; then results go to the store, then bus and history close,
  and the lease is released last.
"""

from sealbus.collector.process import CollectorSettings, CollectorTiming, run_collector
from sealbus.collector.records_intake import RecordSource
from sealbus.collector.store import CollectorStore

__all__ = [
    "CollectorSettings",
    "CollectorStore",
    "CollectorTiming",
    "RecordSource",
    "run_collector",
]
