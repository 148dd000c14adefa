"""The config that follows from a run: the user's own, with what doctor found put right."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from exporter.catalogue.serials import serial_key
from exporter.config.errors import ConfigError
from exporter.config.load import Config
from exporter.config.token import TOKEN_VARIABLE
from exporter.config.yaml import read_yaml
from exporter.doctor.check import Check
from exporter.doctor.plan import DoctorOptions

_HEAD = f"# The token comes from {TOKEN_VARIABLE}, or from the file named by api.token_file.\n"


def changes(config: Config, checks: Sequence[Check], options: DoctorOptions) -> dict[tuple[str, ...], Any]:
    """Return what the config should have that it does not have, by the path of the keys."""
    wanted: dict[tuple[str, ...], Any] = {}
    listed = {device.key for device in config.devices}
    for name, sn in options.devices:
        if (name, serial_key(sn)) not in listed:
            wanted.setdefault(("devices", name), []).append(sn)
    if options.datalog_sns and config.discovery is None:
        wanted["discovery", "datalog_sns"] = list(options.datalog_sns)
    for check in checks:
        wanted.update(check.config)
    return wanted


def proposed(config: Config, wanted: Mapping[tuple[str, ...], Any], folder: Path | None = None) -> str:
    """Return the text of the config with what is `wanted`, without the token.

    It is for a file in `folder`, or beside the config: paths in it are written so that they hold from there.
    """
    try:
        text = read_yaml(config.path).data
    except ConfigError:
        text = None
    data: dict[str, Any] = _copy(text) if isinstance(text, dict) else {}
    if isinstance(api := data.get("api"), dict):
        api.pop("token", None)
        if not api:
            del data["api"]
    for keys, value in wanted.items():
        _put(data, keys, value)
    if folder is not None and folder.resolve() != config.path.parent.resolve():
        _move(data, config.path.parent.resolve())
    return _HEAD + yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def write_new(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file that must not be there yet. Raises OSError, FileExistsError among them."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _copy(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): _copy(value) for key, value in data.items()}
    return [_copy(value) for value in data] if isinstance(data, list) else data


def _put(data: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    *parents, last = keys
    for key in parents:
        below = data.get(key)
        if not isinstance(below, dict):
            below = data[key] = {}
        data = below
    before = data.get(last)
    if isinstance(before, list) and isinstance(value, list):
        data[last] = [*before, *value]
    elif isinstance(before, dict) and isinstance(value, dict):
        data[last] = {**before, **value}
    else:
        data[last] = value


def _move(data: dict[str, Any], folder: Path) -> None:
    """Make the paths in a config absolute that are relative to `folder`."""
    if isinstance(api := data.get("api"), dict) and isinstance(api.get("token_file"), str):
        api["token_file"] = str(folder / api["token_file"])
    if isinstance(files := data.get("device_files"), list):
        data["device_files"] = [str(folder / name) for name in files if isinstance(name, str)]
