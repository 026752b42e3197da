"""The two files that the demonstration writes for its user to read and to edit."""

from __future__ import annotations

__all__ = ["GATEWAY_TOML", "POLICY_TOML"]

GATEWAY_TOML = """\
# The gateway of the demonstration. Written once, then yours: change what you like.
# Certificates, the revocation list and policy.toml are taken up while it runs; this file with the next start.

[gateway]
name = "demonstration"
records = "records"                # every connection, denial and write, in a chain of hashes
records_mib = 64
# metrics = "127.0.0.1:9802"       # for Prometheus

[identity]
certificate = "gateway.crt"
key = "gateway.key"
trust = ["ca/ca.crt"]              # whose certificates are believed
crl = ["ca/ca.crl"]                # and which of them no longer: sealbus ca revoke ca viewer

[[listener]]
url = "mbaps://127.0.0.1:8802"     # Modbus in mutual TLS
policy = "policy.toml"             # what each role may do

[[listener.device]]                # the PLC: plain Modbus, which nobody but the gateway should reach
units = "1"
url = "tcp://127.0.0.1:5020"

[[listener.device]]                # the drives of both pumps
units = "2"
url = "tcp://127.0.0.1:5021"

[[listener.device]]                # the meter
units = "3"
url = "tcp://127.0.0.1:5022"
"""

POLICY_TOML = """\
# Who may do what in the pumping station. Written once, then yours: a change holds from the next request on.
# Nothing is allowed but what a rule here allows. The registers are in docs/simulated-plant.md, and
# `sealbus simulate --registers` prints them. `sealbus policy explain` answers as the gateway would.

[[role]]
name = "Viewer"                    # exactly the role in the certificate
description = "sees everything, changes nothing"
[[role.allow]]
units = "1-3"
read = ["coils", "discrete", "holding", "input"]

[[role]]
name = "Collector"                 # what `sealbus collect` shows: it polls
description = "reads everything, for the site"
[[role.allow]]
units = "1-3"
read = ["coils", "discrete", "holding", "input"]

[[role]]
name = "Operator"
description = "sees everything; runs the pumps and the valve within their limits"
[[role.allow]]
units = "1-3"
read = ["coils", "discrete", "holding", "input"]
[[role.allow]]                     # run commands, automatic, reset; not the trips
units = "1"
write = ["coils:0-3"]
[[role.allow]]                     # pump speeds: below 60.0 % a pump lifts no water, above 90.0 % the main suffers
units = "1"
write = ["holding:100-101"]
min = 600
max = 900
[[role.allow]]                     # the inlet valve, from shut to open
units = "1"
write = ["holding:102"]
min = 0
max = 1000
"""
