"""The two files of the demonstration that the user reads and edits."""

from __future__ import annotations

__all__ = ["GATEWAY_TOML", "POLICY_TOML"]

GATEWAY_TOML = """\
# The gateway of the demonstration. Written once; edit it as you like.
# Certificates, the revocation list and policy.toml are reloaded while it runs; this file at the next start.

[gateway]
name = "demonstration"
records = "records"                # every connection, denial and write, in a chain of hashes
records_mib = 64
# metrics = "127.0.0.1:9802"       # for Prometheus

[identity]
certificate = "gateway.crt"
key = "gateway.key"
trust = ["ca/ca.crt"]              # the authorities that are trusted
crl = ["ca/ca.crl"]                # revoked certificates: sealbus ca revoke ca viewer

[[listener]]
url = "mbaps://127.0.0.1:8802"     # Modbus in mutual TLS
policy = "policy.toml"             # what each role may do

[[listener.device]]                # the PLC: plain Modbus, for the gateway only
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
# The rights of each role in the pumping station. Written once; edit it as you like: a change applies to the next request.
# What no rule here allows is denied. The registers are in docs/simulated-plant.md, and
# `sealbus simulate --registers` prints them. `sealbus policy explain` answers as the gateway would.

[[role]]
name = "Viewer"                    # exactly the role in the certificate
description = "reads everything, writes nothing"
[[role.allow]]
units = "1-3"
read = ["coils", "discrete", "holding", "input"]

[[role]]
name = "Collector"                 # the certificate of `sealbus collect`, which polls
description = "reads everything, for the site"
[[role.allow]]
units = "1-3"
read = ["coils", "discrete", "holding", "input"]

[[role]]
name = "Operator"
description = "reads everything; runs the pumps and the valve within limits"
[[role.allow]]
units = "1-3"
read = ["coils", "discrete", "holding", "input"]
[[role.allow]]                     # run commands, automatic, reset; not the trips
units = "1"
write = ["coils:0-3"]
[[role.allow]]                     # pump speeds: below 60.0 % a pump lifts no water, above 90.0 % the pipe is overloaded
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
