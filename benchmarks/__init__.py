"""Compare the cost of Sealbus with that of the programs in use today.

`python -m benchmarks` measures the gateway against nginx, HAProxy and stunnel, and the client and server API against
pymodbus: in one run, on one machine, in turn. It prints no figure that cannot be compared: after a wrong answer, with a
peer that did not require a client certificate, or without a needed program, the report has the reason instead.
"""
