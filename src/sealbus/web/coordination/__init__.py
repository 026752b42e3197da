"""How the processes of one site coordinate through the database: version numbers, leases, and hints about both.

A version number grows with each change of rights, plan or commands. A lease says which process may act as a collector.
A hint over the bus makes the others read a number immediately. The package does not know what the numbers count.
"""

__all__: list[str] = []
