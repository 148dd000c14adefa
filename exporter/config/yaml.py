"""A YAML file as plain data, with every scalar as the text that the user typed, and the line of each value.

YAML would read a serial number `0123` as 83, `1e5` as 100000.0 and `NO` as false. The schema, which knows what each value should
be, turns text into numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from exporter.config.errors import ConfigError, Key
from exporter.config.syntax import explain

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"
_PLAIN_TAGS: Final = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "timestamp", "value", "merge"))


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A file's `data` (mappings, lists, text and None), and the line of each value by its path of keys and indices.

    An empty file is an empty mapping.
    """

    path: Path
    data: Any
    lines: Mapping[Key, int]

    def place(self, key: Key) -> str:
        """Return `file:line` of the value at `key`, or of the nearest value around it."""
        while key and key not in self.lines:
            key = key[:-1]
        line = self.lines.get(key)
        return f"{self.path}:{line}" if line else str(self.path)


def read_yaml(path: Path) -> YamlFile:
    """Read and parse `path`. Raises ConfigError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([f"{path}:{line}: not text in UTF-8"]) from None
    except OSError as error:
        raise ConfigError([f"{path.absolute()}: cannot be read: {error.strerror}"]) from None
    try:
        loader = _LOADER(text)
        try:
            root = loader.get_single_node()
            lines: dict[Key, int] = {}
            data = _Reader(path, loader, lines).value(root, ()) if root is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_explain(path, text, error)]) from None
    except yaml.YAMLError as error:
        reason = getattr(error, "reason", None) or "unreadable characters"
        raise ConfigError([f"{path}: not YAML: {reason}"]) from None
    except RecursionError:
        raise ConfigError([f"{path}: nested too deeply"]) from None
    return YamlFile(path, data if data is not None else {}, lines)


class _Reader:
    def __init__(self, path: Path, loader: Any, lines: dict[Key, int]) -> None:
        self._path = path
        self._loader = loader
        self._lines = lines
        self._open: set[int] = set()

    def value(self, node: yaml.Node, key: Key) -> Any:
        """Return the data of `node`, which is at `key`, and note its line. Raises ConfigError."""
        self._lines[key] = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            raise self._error(node, "an alias that contains itself")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*key, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, key)
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode) -> str | None:
        if node.tag == _TAG + "null":
            return None
        if node.tag not in _PLAIN_TAGS:
            raise self._error(node, f"the tag {node.tag} is not supported")
        return str(node.value)

    def _mapping(self, node: yaml.Node, key: Key) -> dict[str, Any]:
        first: dict[str, int] = {}
        for name_node, _ in node.value:
            if not isinstance(name_node, yaml.ScalarNode):
                raise self._error(name_node, "a key must be plain text")
            name, line = str(name_node.value), name_node.start_mark.line + 1
            if name in first and name_node.tag != _TAG + "merge":
                raise self._error(name_node, f"the key {name} is given twice (first on line {first[name]})")
            first.setdefault(name, line)
        self._loader.flatten_mapping(node)
        data = {}
        for name_node, value_node in node.value:
            name = str(name_node.value)
            data[name] = self.value(value_node, (*key, name))
            self._lines[(*key, name)] = name_node.start_mark.line + 1
        return data

    def _error(self, node: yaml.Node, problem: str) -> ConfigError:
        return ConfigError([f"{self._path}:{node.start_mark.line + 1}: {problem}"])


def _explain(path: Path, text: str, error: yaml.MarkedYAMLError) -> str:
    found = explain(text, error, _LOADER)
    return f"{path}:{found[0]}: not YAML: {found[1]}" if found else f"{path}: not YAML: {error.problem}"
