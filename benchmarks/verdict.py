"""What was aimed at, and whether it was reached."""

from dataclasses import dataclass

from benchmarks.figures import Row


@dataclass(frozen=True, slots=True)
class Target:
    """`found` is to be at most `limit`."""

    what: str
    found: float
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.found <= self.limit

    @property
    def row(self) -> Row:
        return (self.what, f"{self.found:.3g}{self.unit}", f"{self.limit:g}{self.unit}", "yes" if self.met else "**no**")


HEAD: Row = ("what", "found", "at most", "met")
