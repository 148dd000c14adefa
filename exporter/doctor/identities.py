"""What tells whose site it is, replaced: by aliases in a report, by made-up ones of the same form in a capture."""

import random
import re
import string
from collections.abc import Iterable
from typing import Final

from exporter.catalogue.serials import serial_key
from exporter.doctor.observations import Observations

#: Identities shorter than this are not looked for inside other text, where they would be found everywhere.
_SHORTEST: Final = 4


class Aliases:
    """Serial numbers as `PBD-1`, data loggers as `LOGGER-1`, in the order in which they were asked; `own` types as `OWN-1`."""

    def __init__(self, seen: Observations, own: Iterable[str] = ()) -> None:
        self._aliases: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._token = seen.config.token
        for sn in seen.plan.datalog_sns:
            self._add("LOGGER", sn)
        named = [(device.type, device.sn) for device in seen.devices]
        named += [(device.type, device.sn) for device in seen.config.devices]
        named += [(device.type, device.sn) for device in seen.listed()]
        for device_type, sn in named:
            self._add(device_type.upper(), sn)
        for device in seen.listed():
            self._add("LOGGER", device.datalog_sn)
        for name in own:
            self._add("OWN", name)

    def hide_in(self, text: str) -> str:
        """Return `text` with every identity replaced, and without the token."""
        text = self._token.hide_in(text)
        if not self._aliases:
            return text
        by_key = {serial_key(sn): alias for sn, alias in self._aliases.items()}
        # whole, in whichever letters: a serial number may be part of a longer word by chance; all at once, or one would be
        # found in the alias of another
        names = "|".join(re.escape(sn.strip()) for sn in sorted(self._aliases, key=len, reverse=True))
        return re.sub(
            rf"(?<![A-Za-z0-9])(?:{names})(?![A-Za-z0-9])",
            lambda found: by_key.get(serial_key(found[0]), "SERIAL"),
            text,
            flags=re.IGNORECASE,
        )

    def _add(self, prefix: str, sn: str) -> None:
        if sn and not any(serial_key(known) == serial_key(sn) for known in self._aliases):
            self._counts[prefix] = self._counts.get(prefix, 0) + 1
            self._aliases[sn] = f"{prefix}-{self._counts[prefix]}"


class MadeUp:
    """Identities of the same form: letters for letters and digits for digits, another for each and always the same for one."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.SystemRandom()
        self._made: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, identity: str) -> str:
        """Return what stands for `identity`. A spelling in other letters gets the same in other letters."""
        key = serial_key(identity)
        made = self._made.get(key)
        if made is None:
            made = "".join(map(self._another, key))
            tries = 0
            while made in self._taken or made.casefold() == key:
                tries += 1
                # where there are hardly any others of this form, a longer one
                made = "".join(map(self._another, key)) + (self._chance.choice(string.digits) * (tries // 100))
            self._made[key] = made
            self._taken.add(made)
        return _spelled_as(made, identity)

    def known(self, identities: Iterable[str]) -> None:
        """Make them up now, so that they are found inside other answers too."""
        for identity in identities:
            self.of(identity)

    def is_known(self, text: str) -> bool:
        """Return whether `text` is one of the identities so far."""
        return len(text) >= _SHORTEST and serial_key(text) in self._made

    def _another(self, character: str) -> str:
        if character.isdigit():
            return self._chance.choice(string.digits)
        return self._chance.choice(string.ascii_uppercase) if character.isalpha() else character


def _spelled_as(made: str, identity: str) -> str:
    """Return `made`, which is in capitals, in the letters and with the space around that `identity` has."""
    bare = identity.strip()
    if len(bare) != len(made):
        return made
    letters = "".join(one.lower() if other.islower() else one for one, other in zip(made, bare, strict=True))
    return identity.replace(bare, letters)
