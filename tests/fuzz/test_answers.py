"""Any answer, over real HTTP, leaves a page that Prometheus reads and that says what the answers said."""

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporter.api import reading
from exporter.api.client import MAX_ANSWER, Client
from exporter.api.reading import MAX_FIELDS
from exporter.catalogue.types import HelpTexts, load_catalogue
from exporter.config.token import Token
from exporter.metrics.exposition import Exposition
from exporter.metrics.series import Series
from tests.helpers.fuzzing.world import DEVICES, KNOWN, NAMES, VALUES, World

Step = tuple[str, int, bytes]

_TEXTS = HelpTexts(load_catalogue().values())
_HELPS = {key: _TEXTS.of(key) for key in _TEXTS.known} | KNOWN


class _Handler(socketserver.StreamRequestHandler):
    server: "_Cloud"

    def handle(self) -> None:
        while self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            # in one piece: the second of two would wait for the first one's acknowledgement
            body = self.server.body
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


class _Cloud(socketserver.ThreadingTCPServer):
    daemon_threads = True
    body = b""


@pytest.fixture(scope="module")
def fetch() -> Iterator[Callable[[bytes], Any]]:
    """A client's `get`, whose cloud answers with the bytes that it is called with."""
    with _Cloud(("127.0.0.1", 0), _Handler) as cloud:
        threading.Thread(target=cloud.serve_forever, args=(0.01,), daemon=True).start()
        client = Client(f"http://127.0.0.1:{cloud.server_address[1]}", Token(value="t"), language="en", timeout=60, concurrency=1)

        def get(body: bytes) -> Any:
            cloud.body = body
            return client.get("pbd/data-last", {"deviceSn": "UMD1"})

        yield get
        client.close()
        cloud.shutdown()


def live(world: World, script: list[Step]) -> None:
    """What the script says happens in `world`, which checks itself after each step."""
    for action, n, body in script:
        if action == "answer":
            world.answer(n, body)
        elif action == "settings":
            world.settings(n, body)
        elif action == "clear":
            world.clear(n)
        elif action == "replace":
            world.replace(n)
        else:
            world.late({"ppv": 99})


def envelope(*members: str, code: str = "0") -> bytes:
    return f'{{"code":{code},"msg":"","data":{{{",".join(members)}}}}}'.encode("utf-8", "surrogatepass")


# half of them as escapes, half as they are; lone surrogates both ways
texts = st.text(st.characters(), max_size=12)
strings = st.builds(lambda text, escaped: json.dumps(text, ensure_ascii=escaped), texts, st.booleans())
names = st.one_of(
    st.sampled_from(NAMES).map(json.dumps),
    st.sampled_from(sorted(_HELPS)).map(json.dumps),
    st.from_regex(r"[a-zA-Z0-9_]{1,8}", fullmatch=True).map(json.dumps),
    st.integers(1, 3000).map(lambda n: json.dumps("y" * n)),
    strings,
)
digits = st.integers(1, 4400).map(lambda n: "7" * n)
numbers = st.one_of(
    st.integers().map(str),
    st.integers(-(10**310), 10**310).map(str),
    st.floats().map(json.dumps),
    st.builds("{}e{}".format, st.decimals(allow_nan=False, allow_infinity=False).map("{:f}".format), st.integers(-400, 400)),
    digits,
)
nested = st.integers(1, 20_000).map(lambda n: "[" * n + "]" * n)
times_of_day = st.times().map(lambda time: time.isoformat()[:8]).map(json.dumps)
values = st.one_of(st.sampled_from(VALUES), times_of_day, numbers, numbers.map('"{}"'.format), strings, nested)
members = st.builds("{}:{}".format, names, values)
readings = st.lists(members, max_size=12).map(lambda found: envelope(*found))
wide = st.integers(MAX_FIELDS - 2, MAX_FIELDS + 2).map(lambda n: envelope(*(f'"f{i}":{i}' for i in range(n))))
codes = st.builds(lambda code, found: envelope(found, code=code), values, members)
documents = st.recursive(
    values, lambda inner: st.lists(inner, max_size=4).map(lambda found: f"[{','.join(found)}]"), max_leaves=6
)
others = documents.map(lambda text: text.encode("utf-8", "surrogatepass"))
encoded = st.builds(
    lambda body, encoding: body.decode("utf-8", "surrogatepass").encode(encoding, "surrogatepass"),
    readings,
    st.sampled_from(["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-le", "utf-7"]),
)
cut = st.builds(lambda body, end: body[:end], readings, st.integers(0, 200))
bodies = st.one_of(readings, readings, readings, readings, codes, others, encoded, cut, wide, st.binary(max_size=40))
places = st.integers(0, len(DEVICES) - 1)
answers = st.tuples(st.sampled_from(["answer", "answer", "settings"]), places, bodies)
changes = st.tuples(st.sampled_from(["clear", "replace", "late"]), places, st.just(b""))
scripts = st.lists(st.one_of(answers, answers, answers, changes), min_size=1, max_size=8)


def of_each(action: str, make: Callable[[str], bytes]) -> list[Step]:
    """A script in which each of VALUES comes once."""
    return [(action, 1, make(value)) for value in VALUES]


every_name = [f"{json.dumps(name)}:{n}" for n, name in enumerate(NAMES)]


@given(scripts)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example([("answer", 0, envelope(*every_name)), ("answer", 1, envelope(*reversed(every_name)))])
@example([("answer", 1, envelope('"ppv":1')), ("settings", 1, envelope(*every_name)), ("answer", 1, envelope(*every_name))])
@example(of_each("answer", lambda value: envelope('"x1":1', f'"ppv":{value}')))
@example(of_each("answer", lambda value: envelope(f'"time":{value}', '"ppv":1')))
@example(of_each("answer", lambda value: envelope('"ppv":1', f'"deviceSn":{value}')))
@example(of_each("answer", lambda value: envelope('"ppv":1', code=value)))
@example(of_each("settings", lambda value: envelope('"x":1', f'"ppv":{value}')))
@example([("settings", 0, envelope('"x":"10:30"', '"x_seconds":5')), ("settings", 1, envelope('"x_seconds":5', '"x":"10:30"'))])
@example([("answer", 0, envelope('"fooBar":1')), *[("answer", 0, envelope('"foo_bar":2'))] * 2])
@example([("replace", 0, b""), ("answer", 0, envelope('"ppv":1')), ("late", 0, b""), ("clear", 0, b"")])
@example([("answer", 0, envelope('"ppv":1') + b" " * MAX_ANSWER)])
@example([("answer", 0, envelope('"a":' + "[" * 500_000 + "]" * 500_000, '"ppv":1'))])
@example([("answer", 0, b"\xff\xfe"), ("answer", 1, b"[" * 100_000)])
def test_any_answers_leave_a_true_page(fetch: Callable[[bytes], Any], script: list[Step]) -> None:
    live(World(fetch, known=_HELPS), script)


def _accept_infinities(patch: pytest.MonkeyPatch) -> None:
    finite = reading.numeric
    patch.setattr(reading, "numeric", lambda value: value if isinstance(value, float) else finite(value))


def _forget_collisions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Series, "_may_have", lambda self, *args: True)


def _clear_the_neighbours_too(patch: pytest.MonkeyPatch) -> None:
    take = Exposition.take
    patch.setattr(Exposition, "take", lambda self, family, block, labels: take(self, family, block, ""))


def _round_whole_numbers(patch: pytest.MonkeyPatch) -> None:
    exact = reading.numeric
    patch.setattr(reading, "numeric", lambda value: None if (number := exact(value)) is None else float(number))


@pytest.mark.parametrize(
    ("plant", "script"),
    [
        (_accept_infinities, [("answer", 0, envelope('"ppv":1e999'))]),
        (_forget_collisions, [("answer", 0, envelope('"fooBar":1')), ("answer", 2, envelope('"foo_bar":2'))]),
        (_forget_collisions, [("answer", 0, envelope('"deviceUp":1'))]),
        (_forget_collisions, [("answer", 0, envelope('"setting_x":1')), ("settings", 0, envelope('"x":2'))]),
        (_clear_the_neighbours_too, [("answer", 0, envelope('"ppv":1')), ("clear", 0, b"")]),
        (_round_whole_numbers, [("answer", 0, envelope('"ppv":9007199254740993'))]),
    ],
)
def test_a_planted_fault_is_found(
    fetch: Callable[[bytes], Any],
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
    script: list[Step],
) -> None:
    live(World(fetch), script)
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        live(World(fetch), script)
