"""The client of Sealbus without `await`: the same calls, the same errors, for scripts and threads.

    with sealbus.sync.connect("tcp://127.0.0.1:5020") as modbus:
        print(modbus.read("holding:20", type="float32", order="CDAB"))

There is no thread, and nothing happens between calls. Calls from several threads take turns.
"""

from sealbus.client import BlockingConnection, BlockingUnit, connect_blocking

__all__ = ["Connection", "Unit", "connect"]

Connection = BlockingConnection
Unit = BlockingUnit
connect = connect_blocking
