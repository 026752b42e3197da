"""What are the values now, and what were they then? Live data over sockets and lists, history as ranges and exports."""

__all__: list[str] = []
