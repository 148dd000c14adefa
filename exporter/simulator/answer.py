"""An answer in the API's envelope, and the JSON values in it."""

import json
from dataclasses import dataclass
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
Reading: TypeAlias = dict[str, JSON]

JSON_TYPE = "application/json;charset=UTF-8"


@dataclass(frozen=True)
class Answer:
    """`{"code", "data", "msg"}`: 0 is success. The code is a number but for a fault."""

    data: JSON
    code: int | str = 0
    msg: str = "operate successfully"

    def text(self) -> str:
        """Return the JSON text, ASCII only: whatever else the values hold is escaped."""
        return json.dumps({"code": self.code, "data": self.data, "msg": self.msg}, separators=(",", ":"))

    def body(self) -> bytes:
        """Return the JSON text as bytes."""
        return self.text().encode("ascii")


NOT_FOUND = 400
NO_ACCESS = 403


def refusal(code: int | str, msg: str) -> Answer:
    """Return an answer without data: HTTP 200 all the same."""
    return Answer(None, code, msg)
