"""Where faults are registered under their names."""

import inspect
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from tests.helpers.faulty_cloud.exchange import Exchange

FaultFunction = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """A function that answers an exchange badly, and the first line of its docstring."""

    function: FaultFunction
    description: str


@dataclass(frozen=True)
class ActiveFault:
    """A fault that is set, with its parameters, since a simulated time."""

    name: str
    params: dict[str, object]
    since: datetime
    answered: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        if self.name not in REGISTRY:
            raise ValueError(f"unknown fault {self.name!r}")
        try:
            inspect.signature(REGISTRY[self.name].function).bind(None, **self.params)
        except TypeError as mismatch:
            raise ValueError(f"fault {self.name}: {mismatch}") from None

    async def answer(self, exchange: Exchange) -> None:
        """Answer the exchange badly."""
        request = f"{exchange.path}?{exchange.query}"
        exchange.before = self.answered[request]
        self.answered[request] += 1
        await REGISTRY[self.name].function(exchange, **self.params)


REGISTRY: dict[str, Fault] = {}


def fault(function: FaultFunction) -> FaultFunction:
    """Register a fault under its function's name. Its first argument is the Exchange; params are keyword-only."""
    REGISTRY[function.__name__] = Fault(function, (function.__doc__ or "").strip().splitlines()[0])
    return function
