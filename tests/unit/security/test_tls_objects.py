"""The quick objects give exactly what OpenSSL gives: whatever is sent, however it arrives, however much is asked for."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import pki
from sealbus.security.tls_objects import QuickContext

if TYPE_CHECKING:
    from pathlib import Path

_STEPS = st.one_of(
    st.tuples(st.just("send"), st.sampled_from([0, 1, 12, 100, 16_384, 40_000])),
    st.tuples(st.just("arrive"), st.sampled_from([1, 5, 30, 200, 20_000, 100_000])),
    st.tuples(st.just("read"), st.sampled_from([1, 5, 12, 100, 16_384, 65_536])),
    st.tuples(st.just("take"), st.sampled_from([1, 12, 65_536])),
    st.tuples(st.just("bye"), st.just(0)),
    st.tuples(st.just("cut"), st.just(0)),
)


class _Reader:
    """A server that reads what a client wrote, as far as it has arrived."""

    def __init__(self, kind: type[ssl.SSLContext], files: tuple[Path, Path], version: ssl.TLSVersion) -> None:
        server = kind(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(*files)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        client.maximum_version = version
        self.arrived, self.back, self.sent = ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = server.wrap_bio(self.arrived, self.back, server_side=True)
        self.client = client.wrap_bio(self.back, self.sent)
        for _ in range(4):
            for end in (self.client, self.server):
                self._try(end.do_handshake)
                self.arrived.write(self.sent.read())

    def do(self, step: str, number: int) -> object:
        if step == "send":
            return self._try(lambda: self.client.write(b"x" * number))
        if step == "bye":
            return self._try(self.client.unwrap)
        if step == "cut":
            self.arrived.write_eof()
            return None
        if step == "arrive":
            return None if self.arrived.eof else self._try(lambda: self.arrived.write(self.sent.read(number)))
        if step == "take":
            return self._try(lambda: self.server.read(number))
        buffer = bytearray(number)
        count = self._try(lambda: self.server.read(number, buffer))
        return count, bytes(buffer)

    def _try(self, what: object) -> object:
        try:
            return what()  # type: ignore[operator]
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError) as error:
            return type(error)
        except ssl.SSLError:
            return ssl.SSLError  # of which kind depends on what other connections of this thread left behind


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return pki.make_leaf(pki.make_root(), hosts=["127.0.0.1"]).save(tmp_path_factory.mktemp("tls"), "server")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@given(steps=st.lists(_STEPS, max_size=40))
@example(steps=[("send", 100), ("arrive", 200), ("read", 12), ("read", 12)])
@settings(max_examples=150, deadline=None)
def test_it_reads_what_a_plain_one_reads(
    files: tuple[Path, Path], version: ssl.TLSVersion, steps: list[tuple[str, int]]
) -> None:
    plain, quick = (_Reader(kind, files, version) for kind in (ssl.SSLContext, QuickContext))
    for step, number in steps:
        assert quick.do(step, number) == plain.do(step, number), step


def test_it_tells_that_there_is_no_more_and_keeps_nobody_alive(files: tuple[Path, Path]) -> None:
    reader = _Reader(QuickContext, files, ssl.TLSVersion.TLSv1_3)
    buffer = bytearray(100)
    for _ in range(2):
        reader.do("send", 12)
        reader.do("arrive", 1_000)
        assert reader.server.read(100, buffer) == 12  # type: ignore[comparison-overlap]
        with pytest.raises(ssl.SSLWantReadError) as none:
            reader.server.read(100, buffer)
        assert str(none.traceback[-1].path).endswith("tls_objects.py")
        assert len(none.traceback) == 2
