"""What are the values now, and what were they then? Live values by socket and by list, history as ranges and exports.

    bus --> LiveHub (latest values, state) --> ClientSubscriptions --> socket
    history --> views, exports

It refuses to change anything: the only thing that it writes is the audit entry of an export.
"""

__all__: list[str] = []
