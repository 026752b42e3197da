"""Where a rule is not kept, and why. An entry that is no longer needed fails the test it was made for."""

from __future__ import annotations

__all__ = ["BLIND_EXCEPT", "LONG", "WEAK_NAMES"]

LONG: dict[str, str] = {}
"""Modules, classes and functions past the size where a noun is missing: dotted name and reason."""

BLIND_EXCEPT: dict[str, str] = {
    "sealbus.acquisition.calculated._Calculation.evaluate": "one formula of many: its tag is bad, and told as a problem",
    "sealbus.acquisition.calculated.Calculations.__init__": "one formula of many: its tag is bad, and told as a problem",
    "sealbus.acquisition.errands.Errands._carry_out": "one order of many: it failed, and is logged",
    "sealbus.acquisition.polled_connections.PolledConnections._costs": "one row of a plan: reported, the rest is polled",
    "sealbus.acquisition.sample_batcher.SampleBatcher.flush": "one sink of several: logged, and counted as lost there",
    "sealbus.acquisition.tag_states.TagState.take": "one tag of a block: it is bad, and logged",
    "sealbus.acquisition.polls.Poll._take": "one block of a device: its tags are bad, the connection stays",
    "sealbus.cli.collecting.Collecting._take_plan": "the outermost net under a plan: logged, and polling goes on",
    "sealbus.cli.collecting.Collecting._done_in": "one piece of work for the site: logged, and tried again",
    "sealbus.cli.collecting.Collecting._sent.send": "a result that cannot be stored: logged, and let go",
    "sealbus.history.writer.HistoryWriter._spool_all": "the outermost loop of a thread: logged, shown, tried again",
    "sealbus.history.writer.HistoryWriter._store_all": "the outermost loop of a thread: logged, shown, tried again",
    "sealbus.bus.exchange.Exchange._work": "a handler is the user's code: refused, and logged",
    "sealbus.bus.redis_link.RedisLink._run": "the outermost loop over a server's bytes: told, and connected again",
    "sealbus.security.peer_verifier._build_peer": "a peer's bytes, a parser with no closed set of exceptions: refuses",
    "sealbus.security.roles.role_of": "a peer's bytes, a parser with no closed set of exceptions: no role",
    "sealbus.server.device.DeviceBackend._wait_for": "a device is the user's code: exception 04, and logged",
    "sealbus.server.device.DeviceBackend.submit": "a device is the user's code: exception 04, and logged",
}
"""Functions that may catch everything: foreign code and foreign bytes, and the outermost loop of a service."""

WEAK_NAMES: dict[str, str] = {}
"""Names that read like a switch for a check and are none: `module: name` and reason."""
