"""Exemptions from the rules, with reasons. An entry that is no longer needed fails the test of its rule."""

from __future__ import annotations

__all__ = ["BLIND_EXCEPT", "LONG", "WEAK_NAMES"]

LONG: dict[str, str] = {}
"""Modules, classes and functions beyond the size limit: dotted name and reason."""

BLIND_EXCEPT: dict[str, str] = {
    "sealbus.acquisition.calculated._Calculation.evaluate": "one formula of many: its tag is bad, and reported as a problem",
    "sealbus.acquisition.calculated.Calculations.__init__": "one formula of many: its tag is bad, and reported as a problem",
    "sealbus.acquisition.commands.RunningCommands._execute": "one command of many: it failed, and is logged",
    "sealbus.acquisition.polled_connections.PolledConnections._problem_of": "one row of a plan: reported, others are used",
    "sealbus.acquisition.pipeline.SamplePipeline._calculated": "formulas of users: logged, and what was read goes out",
    "sealbus.acquisition.pipeline.SamplePipeline._hand_over": "one sink of several: logged, and counted as lost there",
    "sealbus.acquisition.tag_states.TagState.take": "one tag of a block: it is bad, and logged",
    "sealbus.acquisition.polls.Poll.take": "one block of a device: its tags are bad, the connection stays",
    "sealbus.client.observing._call": "a callback is the user's code: logged, and the call goes on",
    "sealbus.collector.plan_sync.PlanSync.load": "the outermost handler of a plan: logged, and polling goes on",
    "sealbus.collector.store_thread.StoreThread.attempt": "one call to the store: logged, and tried again",
    "sealbus.collector.commands.CommandReports._store_result": "a result that cannot be stored: logged and dropped",
    "sealbus.history.writer.HistoryWriter._spool_all": "the outermost loop of a thread: logged, shown, tried again",
    "sealbus.history.writer.HistoryWriter._store_all": "the outermost loop of a thread: logged, shown, tried again",
    "sealbus.bus.request_reply.RequestReply._answer": "a handler is the user's code: refused, and logged",
    "sealbus.bus.redis_bus_connection.RedisBusConnection._run": "the outermost loop: logged, and connected again",
    "sealbus.security.peer_verifier._build_peer": "a peer's bytes, a parser with no closed set of exceptions: refuses",
    "sealbus.security.roles.role_of": "a peer's bytes, a parser with no closed set of exceptions: no role",
    "sealbus.server.device.DeviceBackend._wait_for": "a device is the user's code: exception 04, and logged",
    "sealbus.server.device.DeviceBackend.submit": "a device is the user's code: exception 04, and logged",
}
"""Functions that may catch every exception: calls of foreign code, parsers of foreign bytes, outermost loops."""

WEAK_NAMES: dict[str, str] = {}
"""Names that look like a switch for a check but are not: `module: name` and reason."""
