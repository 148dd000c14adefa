"""Mistakes in the files that users write, each as one line: the place, the key and what was expected."""

import re
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from exporter.config.yaml import YamlFile

M = TypeVar("M", bound=BaseModel)

#: Where a value is in a file: keys of mappings and indices of lists.
Key = tuple[str | int, ...]

#: Keys whose values are never shown.
_SECRETS: Final = frozenset({"token", "basic_auth_users", "key", "key_file"})

#: An item of a list without the space that makes it one.
_DASH: Final = re.compile(r"-(?!\d+\Z)\S")


class ConfigError(ValueError):
    """The mistakes in a file: `problems` has one line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def validate(model: type[M], source: "YamlFile", data: Any, *, bare: bool = False) -> M:
    """Return `data`, which was read from `source`, as a `model`. Raises ConfigError.

    `bare` means that the model's only key is not in the file, which has that key's value at the top.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = []
        for mistake in error.errors(include_url=False, include_context=True):
            key: Key = mistake["loc"][1:] if bare else mistake["loc"]
            if key and key[-1] == "[key]":
                key = key[:-1]
            problems.append(problem_at(source, key, _expectation(model, mistake)))
        raise ConfigError(problems) from None


def problem_at(source: "YamlFile", key: Key, problem: str) -> str:
    """Return `problem` with its place before it: `config.yaml:12: devices.pbd[0].interval: problem`."""
    return f"{source.place(key)}: {_dotted(key)}: {problem}"


def _dotted(key: Key) -> str:
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the file"


def _expectation(model: type[BaseModel], mistake: Any) -> str:
    kind = mistake["type"]
    given = mistake["input"]
    if kind == "extra_forbidden":
        return f"unknown key; expected one of {', '.join(_keys_at(model, mistake['loc']))}"
    if kind == "missing":
        return "missing"
    shown = "" if _SECRETS.intersection(mistake["loc"]) else f", got {_shown(given)}"
    if kind == "value_error":
        return f"{mistake['ctx']['error']}{shown}"
    if kind in ("literal_error", "enum"):
        return f"expected {mistake['ctx']['expected']}{shown}"
    expected = _EXPECTED.get(kind, mistake["msg"])
    if kind in ("list_type", "tuple_type") and isinstance(given, str) and _DASH.match(given):
        expected = f"{expected}: put a space after each dash"
    return f"{expected}{shown}"


def _keys_at(model: type[BaseModel], key: Key) -> list[str]:
    """Return the keys that `model` allows where `key` is one that it does not know."""
    kind: Any = model
    for part in key[:-1]:
        # the last argument of a mapping or a list is the type of its values
        kind = kind.model_fields[part].annotation if get_origin(kind) is None else get_args(kind)[-1]
        while get_origin(kind) in (Annotated, Union, UnionType):
            kind = get_args(kind)[0]
    return [field.alias or name for name, field in kind.model_fields.items()]


_EXPECTED: Final = {
    "dict_type": "expected a mapping of keys to values",
    "mapping_type": "expected a mapping of keys to values",
    "model_type": "expected a mapping of keys to values",
    "model_attributes_type": "expected a mapping of keys to values",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "finite_number": "expected a finite number",
    "path_type": "expected a file's path",
}


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
