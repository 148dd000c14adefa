"""The JSON values that the simulated cloud answers with."""

from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
Reading: TypeAlias = dict[str, JSON]
