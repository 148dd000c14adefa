import gzip
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from exporter.metrics.exposition import Snapshot
from exporter.web import compression
from exporter.web.compression import Latest, in_chunks, open_gzip

LINES = [b'atess_ppv{deviceSn="S%d",type="pbd"} %d\n' % (n, n * n) for n in range(10_000)]


@pytest.fixture(params=["isal", "zlib"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both the fast one and the one where there is no wheel of it."""
    assert compression._library is not compression._ZLIB
    if request.param == "zlib":
        monkeypatch.setattr(compression, "_library", compression._ZLIB)
    return str(request.param)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("pieces", [[], [b"", b""], [b"x"], LINES])
@pytest.mark.parametrize("rest", [b"", b"own 1\n", b"".join(LINES)])
def test_gzip_is_one_member_that_unpacks_to_the_same(pieces: list[bytes], rest: bytes) -> None:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert unpacker.decompress(b"".join(open_gzip(in_chunks(pieces)).close(rest))) == b"".join(pieces) + rest
    # clients may stop after the first member
    assert unpacker.eof
    assert unpacker.unused_data == b""


@pytest.mark.usefixtures("library")
def test_one_packed_copy_serves_many_who_each_add_their_own() -> None:
    opening = open_gzip(in_chunks(LINES))
    for rest in (b"first 1\n", b"second 2\n"):
        assert gzip.decompress(b"".join(opening.close(rest))) == b"".join(LINES) + rest


def test_chunks_are_the_same_bytes_in_fewer_pieces() -> None:
    chunks = list(in_chunks(LINES))
    assert b"".join(chunks) == b"".join(LINES)
    assert len(chunks) < len(LINES) / 100
    assert max(map(len, chunks)) < 100_000


def page(generation: int) -> Snapshot:
    return Snapshot(generation, 2, [b"%d\n" % generation])


def test_a_page_that_did_not_change_is_packed_once() -> None:
    latest = Latest()
    first = latest.of(page(1))
    assert latest.of(page(1)) is first
    second = latest.of(page(2))
    assert gzip.decompress(b"".join(second.close(b""))) == b"2\n"
    # who waited with an older page gets the newer
    assert latest.of(page(1)) is second


@pytest.mark.usefixtures("library")
def test_large_and_small_pages_are_packed_in_the_same_memory() -> None:
    latest = Latest()
    for generation, pieces in enumerate([LINES, LINES[:3], [], LINES[::-1] * 2]):
        opening = latest.of(Snapshot(generation, sum(map(len, pieces)), pieces))
        assert gzip.decompress(b"".join(opening.close(b"own 1\n"))) == b"".join(pieces) + b"own 1\n"


def test_those_who_scrape_at_once_share_what_one_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    latest, packing, go_on = Latest(), threading.Event(), threading.Event()
    calls = []

    def slow(chunks: Iterator[bytes]) -> compression.Opening:
        calls.append(1)
        packing.set()
        assert go_on.wait(30)
        return open_gzip(chunks)

    monkeypatch.setattr(compression, "open_gzip", slow)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(latest.of, page(1)) for _ in range(4)]
        assert packing.wait(30)
        go_on.set()
        openings = {id(answer.result(30)) for answer in answers}
    assert len(openings) == len(calls) == 1
