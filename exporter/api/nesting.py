"""How deep JSON is nested, told before it is parsed."""

import json
import re
from itertools import accumulate
from typing import Final

#: Levels of arrays and objects that an answer may have. A page of 100 readings has 103 brackets in all that open, and needs 4.
MOST: Final = 128

_ESCAPED: Final = re.compile(r"\\.", re.DOTALL)
_BRACKET: Final = re.compile(r"[\[\]{}]")
_STEP: Final = {"[": 1, "{": 1, "]": -1, "}": -1}


def is_deep(body: bytes) -> bool:
    """Whether there are more than MOST levels; for what is no JSON, either. Raises UnicodeDecodeError.

    The parser of the standard library calls itself for each level, and the part of the stack that this reaches stays with the
    thread for good: 128 KiB for a thousand levels, the limit up to Python 3.11, for every worker that ever met them.
    """
    if body.count(b"[") + body.count(b"{") <= MOST:
        return False
    text = body.decode(json.detect_encoding(body), "surrogatepass")
    outside = "".join(_ESCAPED.sub("", text).split('"')[::2])
    return any(depth > MOST for depth in accumulate(map(_STEP.__getitem__, _BRACKET.findall(outside))))
