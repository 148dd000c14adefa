"""Which faults come and go when: all of it decided from the seed before the run begins, then carried out in its time."""

import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.helpers.faulty_cloud import FAULTS, FaultyCloud
from tools.soak.history import Key

#: These throttle the whole account for minutes, as they should: they come as events, one at a time.
RATE_LIMITED: Final = ("http_429", "code_10012", "code_429", "retry_after_overflow")

#: These cost both programs much work, so they come less often.
_HEAVY: Final = ("huge_body", "gzip_bomb", "many_fields", "deep_json")
_HEAVY_WEIGHT, _WEIGHT = 1, 4

_SHORTEST, _LONGEST = 5.0, 120.0
#: What stands still must do so for longer than the exporter may show it, or nobody sees a difference.
_LONG: Final = {"clock_frozen": 90.0}

#: The part of all devices that has a fault at any time, and the fewest devices for a small run to be worth it.
_SHARE: Final = 0.04
_FEWEST: Final = 20

#: The events in turn. Two of RATE_LIMITED are further apart than the five minutes for which the exporter goes at half its pace.
_EVENTS: Final = ("timeout", "http_429", "http_503", "token", "code_10012", "reset")
#: The first is after the minutes whose memory is compared with that of the last.
_FIRST_EVENT, _EVENT_EVERY, _EVENT_JITTER, _EVENT_LENGTH = 245.0, 150.0, 15.0, 60.0

#: What the exporter waits after each of RATE_LIMITED, in seconds: what the answer says, and where it says nothing a minute.
PAUSES: Final = {"http_429": 2.0, "code_10012": 60.0, "code_429": 60.0, "retry_after_overflow": 60.0}


@dataclass(slots=True, eq=False)
class Spell:
    """A fault that is to be set from `begin` to `end`, seconds of the run; without a device it is for the whole account."""

    begin: float
    end: float
    name: str
    device: Key | None
    params: dict[str, Any] = field(default_factory=dict)


def events(seconds: float, chance: random.Random, reserved: Sequence[Key]) -> Iterator[Spell]:
    """Return the account-wide events of a run, each over long before the run is."""
    length = min(_EVENT_LENGTH, seconds / 6)
    begin = min(_FIRST_EVENT, seconds / 4)
    number = 0
    while begin + _EVENT_JITTER + length + 30 < seconds:
        name = _EVENTS[number % len(_EVENTS)]
        start = begin + chance.uniform(0, _EVENT_JITTER)
        if name in RATE_LIMITED:
            params = {"retry_after": int(PAUSES[name])} if name == "http_429" else {}
            yield Spell(start, start + length, name, reserved[number % len(reserved)], params)
        else:
            yield Spell(start, start + length, name, None)
        begin += _EVENT_EVERY
        number += 1


def spells(seconds: float, chance: random.Random, devices: Sequence[Key], quiet: Sequence[Spell]) -> Iterator[Spell]:
    """Return the faults of single devices: none during a `quiet` event, where they would hide what the event does."""
    at_a_time = max(_SHARE * len(devices), min(_FEWEST, len(devices) / 4))
    rate = at_a_time / ((_SHORTEST + _LONGEST) / 2)
    busy: dict[Key, float] = {}
    deck: list[str] = []
    begin = 0.0
    while (begin := begin + chance.expovariate(rate)) < seconds:
        # a shuffled deck instead of dice: all faults have come before one of them comes too often
        if not deck:
            names = [name for name in sorted(FAULTS) if name not in RATE_LIMITED]
            deck = [name for name in names for _ in range(_HEAVY_WEIGHT if name in _HEAVY else _WEIGHT)]
            chance.shuffle(deck)
        device, length, delay = chance.choice(devices), chance.uniform(_SHORTEST, _LONGEST), chance.uniform(0.2, 2.5)
        if busy.get(device, 0.0) >= begin or any(event.begin <= begin <= event.end for event in quiet):
            continue
        name = deck.pop()
        length += _LONG.get(name, 0.0)
        end = min([begin + length, *(event.begin for event in quiet if event.begin > begin)])
        busy[device] = end
        yield Spell(begin, end, name, device, {"seconds": delay} if name == "slow" else {})


class Injector:
    """Sets and takes back the faults of a run in their time. `begin` is the run's begin, monotonic."""

    def __init__(self, cloud: FaultyCloud, seconds: float, seed: int, begin: float) -> None:
        chance = random.Random(seed)
        devices = [(device.type, device.sn) for device in cloud.devices]
        reserved = chance.sample(devices, 2)
        self._cloud = cloud
        self._token = cloud.token
        self._begin = begin
        self.events = list(events(seconds, chance, reserved))
        account = [event for event in self.events if event.device is None]
        others = [device for device in devices if device not in reserved]
        self._waiting = deque(sorted([*self.events, *spells(seconds, chance, others, account)], key=lambda spell: spell.begin))
        self._running: list[Spell] = []
        self._ended: deque[Spell] = deque(maxlen=200)
        self.injected: Counter[str] = Counter()
        self.hits: Counter[str] = Counter()
        #: Until when the exporter may be silent because it is rate limited, monotonic.
        self.pause_until = 0.0

    @property
    def running(self) -> Sequence[Spell]:
        """Return the faults that are set now."""
        return self._running

    @property
    def account_event(self) -> str | None:
        """Return the event that is on for the whole account now."""
        return next((spell.name for spell in self._running if spell.device is None), None)

    def advance(self, now: float) -> None:
        """Do what is due at `now`, monotonic."""
        moment = now - self._begin
        for spell in [spell for spell in self._running if spell.end <= moment]:
            self._finish(spell, moment)
        while self._waiting and self._waiting[0].begin <= moment:
            spell = self._waiting.popleft()
            if spell.end > moment:
                self._start(spell, moment)

    def met(self, requests: Iterable[tuple[Key, float]]) -> None:
        """Take note of the requests that came: which of them met a fault."""
        for device, at in requests:
            moment = at - self._begin
            candidates = (spell for spell in [*self._running, *self._ended] if spell.device in (device, None))
            spell = next((spell for spell in candidates if spell.begin <= moment <= spell.end), None)
            if spell is None:
                continue
            self.hits[_label(spell)] += 1
            if spell.name in RATE_LIMITED and spell in self._running:
                # Once is enough: every further refusal would halve the exporter's pace again.
                self.pause_until = at + PAUSES[spell.name] + 2.0
                self._finish(spell, moment)

    def _start(self, spell: Spell, moment: float) -> None:
        spell.begin = moment
        if spell.device is not None:
            self._cloud.faults.set(*spell.device, spell.name, **spell.params)
        elif spell.name == "token":
            self._cloud.token = "Basic another"
        else:
            self._cloud.faults.set_all(spell.name)
        self._running.append(spell)
        self.injected[_label(spell)] += 1

    def _finish(self, spell: Spell, moment: float) -> None:
        spell.end = moment
        if spell.device is not None:
            self._cloud.faults.clear(*spell.device)
        elif spell.name == "token":
            self._cloud.token = self._token
        else:
            # no device has one of its own now: the spells were cut to make way for the event
            self._cloud.faults.clear_all()
        self._running.remove(spell)
        self._ended.append(spell)


def _label(spell: Spell) -> str:
    return spell.name if spell.device is not None else f"whole account: {spell.name}"
