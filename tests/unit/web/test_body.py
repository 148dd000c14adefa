import zlib

import pytest

from exporter.web import body
from exporter.web.body import gzip, in_chunks

LINES = [b'atess_ppv{deviceSn="S%d",type="pbd"} %d\n' % (n, n * n) for n in range(10_000)]


@pytest.fixture(params=["isal", "zlib"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both the fast one and the one where there is no wheel of it."""
    assert body.library is not zlib
    if request.param == "zlib":
        monkeypatch.setattr(body, "library", zlib)
    return str(request.param)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("pieces", [[], [b"", b""], [b"x"], LINES, LINES * 5, [b"".join(LINES)]])
def test_gzip_is_one_member_that_unpacks_to_the_same(pieces: list[bytes]) -> None:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    packed = gzip(pieces)
    assert unpacker.decompress(packed) == b"".join(pieces)
    # clients may stop after the first member
    assert unpacker.eof
    assert unpacker.unused_data == b""
    assert len(packed) < max(100, sum(map(len, pieces)) / 3)


def test_chunks_are_the_same_bytes_in_fewer_pieces() -> None:
    chunks = list(in_chunks(LINES))
    assert b"".join(chunks) == b"".join(LINES)
    assert len(chunks) < len(LINES) / 100
    assert max(map(len, chunks)) < 100_000
