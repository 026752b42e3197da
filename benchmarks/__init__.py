"""What does Sealbus cost, beside what people use today?

`python -m benchmarks` measures the gateway against nginx, HAProxy and stunnel, and the client and server API against
pymodbus: all in one run, on one machine, in turns. It refuses to print a number that cannot be compared: a wrong
answer, a peer that did not demand a client certificate or a missing program ends that row with the reason in place of
a figure.
"""
