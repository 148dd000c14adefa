"""An answer in the API's envelope."""

import json
from dataclasses import dataclass

from exporter.simulator.jsontypes import JSON

JSON_TYPE = "application/json;charset=UTF-8"


@dataclass(frozen=True)
class Answer:
    """`{"code", "data", "msg"}`: 0 is success. The code is a number but for a fault."""

    data: JSON
    code: int | str = 0
    msg: str = "operate successfully"

    def text(self) -> str:
        """The JSON text, ASCII only: whatever else the values hold is escaped."""
        return json.dumps({"code": self.code, "data": self.data, "msg": self.msg}, separators=(",", ":"))

    def body(self) -> bytes:
        """The JSON text as bytes."""
        return self.text().encode("ascii")


NOT_FOUND = 400
NO_ACCESS = 403


def refusal(code: int | str, msg: str) -> Answer:
    """An answer without data: HTTP 200 all the same."""
    return Answer(None, code, msg)
