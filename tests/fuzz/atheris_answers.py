"""Coverage-guided fuzzing of what becomes of the cloud's answers: `python tests/fuzz/atheris_answers.py -runs=N`.

An input is a script of at most MOST_STEPS steps parted by the byte 0xff, which no UTF-8 text has. A step is a byte that says what
to do with which device, then the answer. Options are libFuzzer's.
"""

import random
import re
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]  # it has no types

# this tree's exporter, whatever else is installed
sys.path.insert(0, str(Path(__file__).parents[2]))

with atheris.instrument_imports(
    include=[
        f"exporter.{name}" for name in ("api.client", "api.reading", "catalogue.kinds", "metrics", "polling.device_settings")
    ]
):
    import exporter.api.reading
    import exporter.metrics.series
    import exporter.polling.device_settings  # noqa: F401  # these only to be instrumented before others import them

    # the private half of Client.get, because a request over HTTP takes as long as ten executions
    from exporter.api.client import open_envelope

from exporter.config.token import Token
from tests.helpers.fuzzing.oracle import Key
from tests.helpers.fuzzing.world import DEVICES, NAMES, VALUES, World

MOST_STEPS: Final = 4

#: One page in so many goes through Prometheus' parsers, and every page with a metric that none had before.
_PARSE_EVERY: Final = 64
_REMEMBERED: Final = 5_000

_PART: Final = b"\xff"
_TOKEN: Final = re.compile(rb'"(?:[^"\\\xff]|\\.)*"|-?[0-9][-+.0-9eE]*|true|false|null|NaN|-?Infinity', re.DOTALL)
_ENVELOPE: Final = re.compile(rb'"code"|"data"')
_MEMBER: Final = re.compile(rb'"(?:[^"\\\xff]|\\.)*":[^][{},\xff]*,', re.DOTALL)


def _text(name: str) -> bytes:
    """A name as JSON text. Quotes and backslashes are left as they are now and then: broken JSON is wanted too."""
    return f'"{name}"'.encode("utf-8", "surrogatepass")


_NAMES: Final = [_text(name) for name in NAMES] + [b'"\\ud800"', b'"a\\"b"', b'"\\u0070pv"', b'"a\\nb"', b'"\\\\"']
_VALUES: Final = [value.encode("utf-8", "surrogatepass") for value in VALUES]
#: Bytes that say what to do: mostly an answer, for device 1, 2, 0.
_STEPS: Final = b"abcabcabcabcjkljklABCxyz!"

_SEEDS: Final = tuple(
    _PART.join(steps)
    for steps in (
        [b'a{"code":0,"msg":"","data":{"deviceSn":"UMD1","time":"2026-11-22 10:00:00","ppv":5,"batSOC":50.5}}'],
        [b'c{"code":200,"data":{"ppv":1,"fooBar":2,"foo_bar":3}}', b'b{"code":0,"data":{"foo_bar":"4","x1":true}}'],
        [b'a{"code":0,"data":{"ppv":1,"x1":2}}', b'a{"code":0,"data":{"x1":3,"ppv":1}}', b"A", b'b{"code":0,"data":{"ppv":1}}'],
        [b"y", b'a{"code":0,"data":{"x2":1e3}}', b"!", b'c{"code":0,"data":{"deviceUp":1,"exporterDevices":2,"vbat":-0.0}}'],
        [b'j{"code":0,"data":{"x":"10:30","x_seconds":5,"ppv":2}}', b'a{"code":0,"data":{"setting_ppv":1,"settingX":2}}'],
        [b'a{"code":403,"msg":"no"}', b'a{"code":400}', b'a{"code":10012,"msg":null}', b'a{"code":500,"msg":"busy"}'],
        [b'a{"code":0,"data":null}', b'a{"code":0,"data":[]}', b'a{"code":"0"}', b"a[]"],
        [b'a{"code":" 200 ","data":{"ppv":1}}', b'b{"code":2e2,"data":{"ppv":1}}', b'a{"code":"429"}', b'a{"code":401.0}'],
        [b'a{"code":0,"data":{"deviceSn":"other","ppv":1}}', b'a{"code":0,"data":{"ppv":null}}', b'a{"code":true}', b"a{"],
        [b'a{"code":0,"data":{' + b",".join(b'"f%d":1' % n for n in range(30)) + b"}}"],
        [b'a{"code":0,"data":{"a":' + b"[" * 200 + b"]" * 200 + b',"b":1}}', b'a{"code":1' + b"0" * 400 + b"}"],
    )
)


class _Sample:
    """Chooses the pages that are worth the parsers' time."""

    def __init__(self) -> None:
        self._pages = -1
        self._metrics: set[str] = set()

    def __call__(self, found: Mapping[Key, str]) -> bool:
        self._pages += 1
        new = {metric for metric, _ in found} - self._metrics
        if len(self._metrics) < _REMEMBERED:
            self._metrics |= new
        elif new:
            new = set()
        return bool(new) or self._pages % _PARSE_EVERY == 0


_sample = _Sample()
_open = partial(open_envelope, token=Token(value="made-up"))


def run(script: bytes) -> None:
    """Live through `script` in a new world."""
    world = World(_open, _sample)
    for step in script.split(_PART)[:MOST_STEPS]:
        what, answer = step[:1], step[1:]
        n = (what or b"a")[0] % len(DEVICES)
        if what == b"!":
            world.late({"ppv": 99})
        elif b"j" <= what <= b"l":
            world.settings(n, answer)
        elif b"A" <= what <= b"C":
            world.clear(n)
        elif b"x" <= what <= b"z":
            world.replace(n)
        else:
            world.answer(n, answer)


def execute(script: bytes) -> None:
    """Run `script`, and show it readably if it finds something."""
    try:
        run(script)
    except Exception:
        print(f"FOUND {script!r}", file=sys.stderr)  # noqa: T201
        raise


def mutate(script: bytes, max_size: int, seed: int) -> bytes:
    """Another script: mostly one that is still JSON, sometimes any bytes."""
    choose = random.Random(seed)
    if not script or choose.random() < 0.02:
        return choose.choice(_SEEDS)[:max_size]
    kind = choose.randrange(20)
    if kind == 0:
        return bytes(atheris.Mutate(script, max_size))
    changed = _mutate_steps(script, choose) if kind <= 5 else _mutate_json(script, choose)
    # a step less rather than half a step
    while len(changed) > max_size and _PART in changed:
        changed = changed.partition(_PART)[2] if choose.random() < 0.5 else changed.rpartition(_PART)[0]
    return changed[:max_size]


def _mutate_steps(script: bytes, choose: random.Random) -> bytes:
    steps = script.split(_PART)
    n = choose.randrange(len(steps))
    kind = choose.randrange(5)
    if kind == 0:
        steps[n] = bytes([choose.choice(_STEPS)]) + steps[n][1:]
    elif kind == 1:
        steps.insert(choose.randrange(len(steps) + 1), steps[n])
    elif kind == 2:
        steps.insert(n, choose.choice(choose.choice(_SEEDS).split(_PART)))
    elif kind == 3:
        steps.insert(n, bytes([choose.choice(_STEPS[-7:])]))
    elif len(steps) > 1:
        del steps[n]
    return _PART.join(steps[: MOST_STEPS + 1])


def _mutate_json(script: bytes, choose: random.Random) -> bytes:
    kind = choose.randrange(4)
    if kind == 0:
        # a member more, in front of another's name or into an empty object
        places = [place.start() for place in re.finditer(rb'(?<=[{,])"|(?<=\{)\}', script)]
        if places:
            at = choose.choice(places)
            member = choose.choice(_NAMES) + b":" + _value(choose)
            return script[:at] + member + (b"" if script[at] == ord("}") else b",") + script[at:]
    members = list(_MEMBER.finditer(script)) if kind == 1 else []
    if members:
        member_found = choose.choice(members)
        return script[: member_found.start()] + script[member_found.end() :]
    tokens = list(_TOKEN.finditer(script))
    if not tokens:
        return choose.choice(_SEEDS)
    token = choose.choice(tokens)
    if _ENVELOPE.search(script, max(0, token.start() - 7), token.end()):
        # the envelope is mostly left whole
        token = choose.choice(tokens)
    is_name = script[token.end() : token.end() + 1] == b":"
    return script[: token.start()] + (choose.choice(_NAMES) if is_name else _value(choose)) + script[token.end() :]


def _value(choose: random.Random) -> bytes:
    kind = choose.randrange(4)
    if kind == 0:
        return b"%d" % choose.randint(-(10 ** choose.randrange(1, 320)), 10 ** choose.randrange(1, 20))
    if kind == 1:
        number = b"%r" % choose.uniform(-1, 1) + b"e%d" % choose.randint(-330, 310)
        return number if choose.random() < 0.5 else b'"' + number + b'"'
    return choose.choice(_VALUES)


def main() -> None:
    # a failing input goes where the caller says, never into the tree
    defaults = ["-max_len=512", "-len_control=0", f"-artifact_prefix={tempfile.gettempdir()}/"]
    atheris.Setup([sys.argv[0], *defaults, *sys.argv[1:]], execute, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
