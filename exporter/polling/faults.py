"""The active faults of one device, and since when each is active."""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.catalogue.faults import NO_FAULT_WORDS, Fault, FaultWords
from exporter.metrics.series import Row, Series


@dataclass(frozen=True, slots=True)
class ActiveFault:
    """A fault, and the Unix time in seconds of the first poll that found it; it may have begun before."""

    fault: Fault
    since: float


class ActiveFaults:
    """The faults of a device's latest reading; `words` may be replaced. Not safe to be called from several threads."""

    __slots__ = ("_faults", "_since", "words")

    def __init__(self) -> None:
        self.words: FaultWords = NO_FAULT_WORDS
        self._faults: tuple[Fault, ...] | None = None
        #: By the faults' codes.
        self._since: dict[str, float] | None = None

    @property
    def active(self) -> tuple[ActiveFault, ...] | None:
        """Return them in order of their codes; None if no reading said anything of faults, or its values are stale."""
        since = self._since or {}
        return None if self._faults is None else tuple(ActiveFault(fault, since[fault.code]) for fault in self._faults)

    def show(self, series: Series, row: Row, fields: Mapping[str, int | float], now: float) -> None:
        """Show those of the reading with these `fields`, which came `now` (a Unix time in seconds)."""
        faults = self.words.active(fields)
        # the same object where the words are the same, which is nearly always
        if faults is not self._faults:
            series.show_faults(row, faults)
            since = self._since or {}
            self._since = {fault.code: since.get(fault.code, now) for fault in faults} if faults else None
            self._faults = faults

    def forget(self) -> None:
        """Forget them: the values are stale, and Series.clear() has removed them."""
        self._faults = self._since = None
