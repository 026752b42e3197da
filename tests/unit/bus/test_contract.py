"""What both engines guarantee. The hub or server runs in another process."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from sealbus.bus import PAYLOAD_LIMIT_BYTES, REPLY_LIMIT_BYTES, RequestRefused
from sealbus.bus.frame_seal import FrameSeal
from sealbus.bus.message import encode_published
from sealbus.bus.sealed_connection import wall_ms
from sealbus.errors import LocalError, ResponseTimeout, Unreachable
from unit.bus.engines import KEY, PATIENCE_S, Engine, ask, connected, meet, until

if TYPE_CHECKING:
    from sealbus.bus import Bus, Subscription


async def _read(subscription: Subscription, count: int) -> list[bytes]:
    async with asyncio.timeout(PATIENCE_S):
        return [(await anext(subscription)).payload for _ in range(count)]


async def _open(stack: AsyncExitStack, engine: Engine) -> Bus:
    bus = await stack.enter_async_context(engine.open())
    assert await connected(bus), bus.state()
    return bus


async def test_a_message_reaches_all_subscribers_of_its_topic_and_no_others(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        publisher, one, two = [await _open(stack, engine) for _ in range(3)]
        listeners = [one.subscribe("live", depth=10), two.subscribe("live", "plan", depth=10)]
        other_topic = two.subscribe("lively", depth=10)
        for listener in listeners:
            await meet(publisher, listener, "live")
        await meet(publisher, other_topic, "lively")
        publisher.publish("live", b"\0 level \xff")
        publisher.publish("lively", b"other")
        for listener in listeners:
            async with asyncio.timeout(PATIENCE_S):
                message = await anext(listener)
                while message.payload != b"\0 level \xff":  # skip the messages of the other meeting
                    message = await anext(listener)
            assert message.topic == "live"
        assert await _read(other_topic, 1) == [b"other"]


async def test_messages_of_one_sender_arrive_complete_and_in_order(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        publisher, listener = await _open(stack, engine), await _open(stack, engine)
        subscription = listener.subscribe("live", depth=1000)
        await meet(publisher, subscription, "live")
        payloads = [b"", b"\0", bytes(range(256)) * 4096, *(str(number).encode() for number in range(300))]
        for payload in payloads:
            publisher.publish("live", payload)
        assert len(payloads[2]) == PAYLOAD_LIMIT_BYTES
        assert await _read(subscription, len(payloads)) == payloads
        assert subscription.lost == 0
        assert listener.state().malformed == 0


async def test_a_payload_that_is_too_long_is_dropped_and_counted(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        bus = await _open(stack, engine)
        before = bus.state().dropped
        bus.publish("live", bytes(PAYLOAD_LIMIT_BYTES + 1))
        assert bus.state().dropped == before + 1
        with pytest.raises(LocalError, match="at most"):
            await bus.request("live", bytes(PAYLOAD_LIMIT_BYTES + 1), timeout_s=1)


async def test_an_invalid_topic_is_refused(engine: Engine) -> None:
    async with engine.open() as bus:
        for topic in ("", "Live", "live ", "a//b", "a\nb", "/a", "*", "a" * 101, "\u0661"):
            await _refuses(bus, topic)


async def _refuses(bus: Bus, topic: str) -> None:
    async def answer(request: bytes) -> bytes:
        return request

    with pytest.raises(LocalError, match="is not a topic"):
        bus.publish(topic, b"")
    with pytest.raises(LocalError, match="is not a topic"):
        bus.subscribe("live", topic, depth=1)
    with pytest.raises(LocalError, match="is not a topic"):
        bus.serve(topic, answer)
    with pytest.raises(LocalError, match="is not a topic"):
        await bus.request(topic, b"", timeout_s=1)


async def test_a_reader_that_never_reads_loses_the_oldest_messages_and_does_not_affect_the_others(
    engine: Engine,
) -> None:
    async with AsyncExitStack() as stack:
        publisher, listener = await _open(stack, engine), await _open(stack, engine)
        slow, fast = listener.subscribe("live", depth=5), listener.subscribe("live", depth=1000)
        await meet(publisher, fast, "live")
        for number in range(400):
            publisher.publish("live", b"%d" % number)
        assert await _read(fast, 400) == [b"%d" % number for number in range(400)]
        assert fast.lost == 0
        assert await _read(slow, 5) == [b"%d" % number for number in range(395, 400)]
        assert slow.lost >= 395
        assert listener.state().lost == slow.lost


async def test_a_closed_subscription_receives_nothing_and_the_topic_can_be_subscribed_again(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        publisher, listener = await _open(stack, engine), await _open(stack, engine)
        async with listener.subscribe("live", depth=10) as first:
            await meet(publisher, first, "live")
        assert [message async for message in first] == []
        control = listener.subscribe("plan", depth=10)
        await meet(publisher, control, "plan")
        second = listener.subscribe("live", depth=10)
        await meet(publisher, second, "live")
        assert first.lost == 0


async def test_each_of_many_requests_gets_its_own_reply(engine: Engine) -> None:
    arrived: list[bytes] = []
    all_here = asyncio.Event()

    async def answer_last_first(request: bytes) -> bytes:
        if request == b"ready?":
            return b"yes"
        arrived.append(request)
        if len(arrived) == 30:
            all_here.set()
        await all_here.wait()
        await asyncio.sleep((30 - int(request)) / 1000)
        return b"answer to " + request

    async with AsyncExitStack() as stack:
        server, one, two = [await _open(stack, engine) for _ in range(3)]
        server.serve("snapshot", answer_last_first)
        assert await ask(one, "snapshot", b"ready?") == b"yes"
        questions = [(one, two)[number % 2].request("snapshot", b"%d" % number, timeout_s=9) for number in range(30)]
        assert await asyncio.gather(*questions) == [b"answer to %d" % number for number in range(30)]


async def test_a_reply_of_the_maximum_length_arrives_and_a_longer_one_is_refused(engine: Engine) -> None:
    async def answer(request: bytes) -> bytes:
        return bytes(int(request))

    async with AsyncExitStack() as stack:
        server, requester = await _open(stack, engine), await _open(stack, engine)
        server.serve("snapshot", answer)
        assert len(await ask(requester, "snapshot", b"%d" % REPLY_LIMIT_BYTES)) == REPLY_LIMIT_BYTES
        with pytest.raises(RequestRefused, match="at most"):
            await requester.request("snapshot", b"%d" % (REPLY_LIMIT_BYTES + 1), timeout_s=9)


async def test_a_failed_handler_sends_its_reason_and_no_traceback(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(request: bytes) -> bytes:
        if request == b"ours":
            raise LocalError("there is no such device; name one that exists")
        raise KeyError("the secret of the house")

    async with AsyncExitStack() as stack:
        server, requester = await _open(stack, engine), await _open(stack, engine)
        server.serve("snapshot", answer)
        with pytest.raises(RequestRefused) as refused:
            await ask(requester, "snapshot", b"ours")
        assert str(refused.value) == "there is no such device; name one that exists"
        with pytest.raises(RequestRefused) as refused:
            await requester.request("snapshot", b"theirs", timeout_s=9)
        assert str(refused.value) == "the server failed (KeyError)"
        assert "the secret of the house" in caplog.text


async def test_a_request_without_a_reply_times_out_and_its_handler_is_cancelled(engine: Engine) -> None:
    ended = asyncio.Event()

    async def never(request: bytes) -> bytes:
        if request:
            return b"here"
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return b""

    async with AsyncExitStack() as stack:
        server, requester = await _open(stack, engine), await _open(stack, engine)
        server.serve("snapshot", never)
        await ask(requester, "snapshot", b"there?")
        with pytest.raises(ResponseTimeout, match=r'"snapshot" within 0\.2 s'):
            await requester.request("snapshot", b"", timeout_s=0.2)
        async with asyncio.timeout(PATIENCE_S):
            await ended.wait()


async def test_a_request_on_a_topic_without_a_server_fails_at_once(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        requester = await _open(stack, engine)
        with pytest.raises(Unreachable, match='no process serves "snapshot"'):
            await requester.request("snapshot", b"", timeout_s=PATIENCE_S)


async def test_a_topic_has_one_handler(engine: Engine) -> None:
    async def answer(request: bytes) -> bytes:
        return request

    async with engine.open() as bus:
        bus.serve("snapshot", answer)
        with pytest.raises(LocalError, match="served already"):
            bus.serve("snapshot", answer)


async def test_too_many_requests_at_once_are_refused_and_the_others_answered(engine: Engine) -> None:
    running = most = 0
    go_on = asyncio.Event()

    async def answer(request: bytes) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go_on.wait()
        running -= 1
        return request

    async with AsyncExitStack() as stack:
        server, requester = await _open(stack, engine), await _open(stack, engine)
        server.serve("snapshot", answer)
        first = asyncio.create_task(ask(requester, "snapshot", b"first"))
        await until(lambda: running == 1)
        crowd = [asyncio.create_task(requester.request("snapshot", b"more", timeout_s=30)) for _ in range(300)]
        await until(lambda: sum(task.done() for task in crowd) == 300 - 255)
        go_on.set()
        done = await asyncio.gather(*crowd, return_exceptions=True)
        assert await first == b"first"
    assert done.count(b"more") == 255
    assert {str(one) for one in done if one != b"more"} == {"too many requests at once; try again later"}
    assert most == 32


async def test_all_processes_reconnect_after_the_bus_was_killed(engine: Engine) -> None:
    waits = asyncio.Event()

    async def answer(request: bytes) -> bytes:
        if request == b"wait":
            waits.set()
            await asyncio.Event().wait()
        return request

    async with AsyncExitStack() as stack:
        publisher, listener = await _open(stack, engine), await _open(stack, engine)
        subscription = listener.subscribe("live", depth=100)
        listener.serve("snapshot", answer)
        await meet(publisher, subscription, "live")
        assert await ask(publisher, "snapshot", b"1") == b"1"
        unanswered = asyncio.create_task(publisher.request("snapshot", b"wait", timeout_s=PATIENCE_S))
        async with asyncio.timeout(PATIENCE_S):
            await waits.wait()
        connected = publisher.state()
        engine.kill()
        with pytest.raises(Unreachable, match="went down"):
            await unanswered
        await until(lambda: not publisher.state().connected and not listener.state().connected)
        away = publisher.state()
        assert away.problem
        assert away.since > connected.since
        for _ in range(1000):
            publisher.publish("live", bytes(1000))
        assert publisher.state().dropped == away.dropped + 1000
        assert publisher.state().published == away.published
        with pytest.raises(Unreachable, match="cannot be reached"):
            await publisher.request("snapshot", b"2", timeout_s=0.1)
        engine.start()
        await meet(publisher, subscription, "live")
        assert await ask(publisher, "snapshot", b"3") == b"3"
        assert publisher.state().connected
        assert publisher.state().reconnects == 1
        assert subscription.lost >= 1000


async def test_a_process_may_start_before_the_bus(engine: Engine) -> None:
    engine.kill()
    async with engine.open() as publisher, engine.open() as listener:
        subscription = listener.subscribe("live", depth=10)
        assert not publisher.state().connected
        assert not await connected(publisher, 0.05)
        publisher.publish("live", b"no subscriber gets this")
        assert publisher.state().dropped == 1
        engine.start()
        await meet(publisher, subscription, "live")
        assert publisher.state().reconnects == 0


_FORGED = (b"", b"SB", encode_published(7, 1, b"forged"), b"\xff" * 40, FrameSeal(bytes(32)).seal("live", b"SB", 0))
_SEAL = FrameSeal(KEY)


async def test_a_message_that_no_process_of_the_site_has_sent_is_refused_and_counted(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        publisher, listener = await _open(stack, engine), await _open(stack, engine)
        subscription = listener.subscribe("live", depth=10)
        await meet(publisher, subscription, "live")
        assert (listener.state().refused, listener.state().refusal) == (0, "")
        for number, forged in enumerate(_FORGED, start=1):
            await asyncio.to_thread(engine.send_raw, "live", forged)
            await until(lambda expected=number: listener.state().refused == expected)  # type: ignore[misc]
            publisher.publish("live", b"still here")
            assert await _read(subscription, 1) == [b"still here"]
        assert "another SEALBUS_SECRET_KEY" in listener.state().refusal


async def test_a_message_of_the_site_is_refused_again_later_and_on_another_topic(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        publisher, listener = await _open(stack, engine), await _open(stack, engine)
        subscription = listener.subscribe("live", "plan", depth=10)
        await meet(publisher, subscription, "live")
        recorded: list[bytes] = []
        send = publisher._connection._engine.publish

        def publish(topic: str, frame: bytes) -> bool:
            recorded.append(frame)
            return send(topic, frame)

        monkeypatch.setattr(publisher._connection._engine, "publish", publish)
        publisher.publish("live", b"once")
        assert await _read(subscription, 1) == [b"once"]
        old = _SEAL.seal("live", encode_published(99, 1, b"old"), wall_ms() - 61_000)
        for number, (topic, frame) in enumerate((("live", recorded[0]), ("plan", recorded[0]), ("live", old)), start=1):
            await asyncio.to_thread(engine.send_raw, topic, frame)
            await until(lambda expected=number: listener.state().refused == expected)  # type: ignore[misc]
        publisher.publish("live", b"next")
        assert await _read(subscription, 1) == [b"next"]
        assert subscription.lost == 0


async def test_processes_of_two_sites_on_one_bus_do_not_understand_each_other(engine: Engine) -> None:
    async def answer(request: bytes) -> bytes:
        return request

    async with AsyncExitStack() as stack:
        ours, theirs = await _open(stack, engine), await stack.enter_async_context(engine.open(bytes(32)))
        assert await connected(theirs)
        subscription = ours.subscribe("live", depth=10)
        await meet(ours, subscription, "live")
        ours.serve("snapshot", answer)
        assert await ask(ours, "snapshot", b"ours") == b"ours"
        theirs.publish("live", b"theirs")
        await until(lambda: ours.state().refused == 1)
        with pytest.raises(ResponseTimeout):
            await theirs.request("snapshot", b"theirs", timeout_s=0.2)
        await until(lambda: ours.state().refused == 2)
        assert len(subscription) == 0


async def test_malformed_frames_are_dropped_and_counted(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        publisher, listener = await _open(stack, engine), await _open(stack, engine)
        subscription = listener.subscribe("live", depth=10)
        await meet(publisher, subscription, "live")
        for number, garbage in enumerate((b"", b"SB", b"SB\x01" + bytes(15), b"SB\x03" + bytes(40)), start=1):
            sealed = _SEAL.seal("live", garbage, wall_ms())
            await asyncio.to_thread(engine.send_raw, "live", sealed)
            await until(lambda expected=number: listener.state().malformed == expected)  # type: ignore[misc]
            publisher.publish("live", b"still here")
            assert await _read(subscription, 1) == [b"still here"]


async def test_any_thread_may_publish_and_only_the_loop_uses_the_connection(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        publisher, listener = await _open(stack, engine), await _open(stack, engine)
        subscription = listener.subscribe("plan", depth=1000)
        await meet(publisher, subscription, "plan")
        hand_over, used_in = publisher._connection.publish, set()

        def publish(topic: str, frame: bytes) -> bool:
            used_in.add(threading.get_ident())
            return hand_over(topic, frame)

        monkeypatch.setattr(publisher._connection, "publish", publish)
        threads = [threading.Thread(target=publisher.publish, args=("plan", b"%d" % number)) for number in range(50)]
        for thread in threads:
            thread.start()
        received = await _read(subscription, 50)
        for thread in threads:
            thread.join()
        assert sorted(received, key=int) == [b"%d" % number for number in range(50)]
        assert used_in == {threading.get_ident()}


async def test_closing_the_bus_ends_its_readers_and_it_takes_no_more(engine: Engine) -> None:
    async with engine.open() as bus:
        assert await connected(bus)
        subscription = bus.subscribe("live", depth=10)
        reader = asyncio.create_task(anext(subscription, None))
        await asyncio.sleep(0)
    assert await reader is None
    before = bus.state()
    bus.publish("live", b"too late")
    assert bus.state().dropped == before.dropped + 1
    assert not bus.state().connected
    with pytest.raises(Unreachable):
        await bus.request("snapshot", b"", timeout_s=0.05)


async def test_ten_thousand_messages_in_a_row_all_arrive(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        publisher, listener = await _open(stack, engine), await _open(stack, engine)
        subscription = listener.subscribe("live", depth=20_000)
        await meet(publisher, subscription, "live")
        for number in range(10_000):
            publisher.publish("live", b"%d" % number)
            if number % 50 == 49:
                await until(lambda so_far=number: len(subscription) > so_far - 300)  # type: ignore[misc]
        assert await _read(subscription, 10_000) == [b"%d" % number for number in range(10_000)]
        assert subscription.lost == 0
