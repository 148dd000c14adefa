"""The reference of config keys, made from the schema and the text under each of its keys."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from exporter.config import schema
from exporter.config.schema import ConfigFile, FaultWordEntry, TypeEntry
from exporter.config.values import duration
from tools.reference.table import code, table

#: What stands for the keys of a mapping whose values have keys of their own.
_NAMES: Final[Mapping[tuple[type[BaseModel], str], str]] = {
    (ConfigFile, "devices"): "<type>[]",
    (ConfigFile, "fields"): "<type>",
    (ConfigFile, "types"): "<type>",
    (TypeEntry, "fields"): "<field>",
    (TypeEntry, "faults"): "<field>",
    (FaultWordEntry, "names"): "<bit>",
}

#: Of a duration's units, the largest that leaves a whole number.
_UNITS: Final = ((3600, "h"), (60, "m"), (1, "s"))


def keys() -> str:
    """Return a section for each key at the top of the file, with a table of the keys below it."""
    texts = _texts()
    parts = []
    for name, field in ConfigFile.model_fields.items():
        rows = list(_rows(ConfigFile, name, field, "", texts))
        # the section itself is the heading
        below = f"\n\n{table(('key', 'default', 'meaning'), rows[1:])}" if rows[1:] else ""
        parts.append(f"## {name}\n\n{texts['ConfigFile', name]}{below}")
    return "\n\n".join(parts)


def _rows(
    model: type[BaseModel], name: str, field: FieldInfo, above: str, texts: Mapping[tuple[str, str], str]
) -> Iterator[tuple[str, str, str]]:
    key = f"{above}{name}"
    yield code(key), _default(field), texts[model.__name__, name]
    inner = _model(field.annotation)
    if inner is not None:
        placeholder = _NAMES.get((model, name))
        here = f"{key}.{placeholder}." if placeholder else f"{key}."
        for below, of in inner.model_fields.items():
            yield from _rows(inner, below, of, here, texts)


def _model(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a key holds, be it in a list, in a mapping or optional."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model(part))), None)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or isinstance(value, BaseModel) or value in ({}, []):
        return ""
    if any(isinstance(found, BeforeValidator) and found.func is duration for found in field.metadata):
        seconds, unit = next(one for one in _UNITS if value % one[0] == 0)
        return code(f"{value / seconds:g}{unit}")
    if isinstance(value, list):
        return code("[" + ", ".join(f'"{one}"' for one in value) + "]")
    return code(f"{value:g}" if isinstance(value, float) else str(value))


def _texts() -> dict[tuple[str, str], str]:
    """Return the text under each key, by class and key."""
    texts = {}
    for section in ast.walk(ast.parse(inspect.getsource(schema))):
        if isinstance(section, ast.ClassDef):
            for key, below in zip(section.body, section.body[1:], strict=False):
                if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name) and isinstance(below, ast.Expr):
                    texts[section.name, key.target.id] = inspect.cleandoc(ast.literal_eval(below.value))
    return texts
