"""Read the config file into a Config, or report every mistake in it."""

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from exporter.catalogue.faults import FaultWords
from exporter.catalogue.kinds import Kinds
from exporter.catalogue.types import ApiPath, Device, DeviceType, Evidence, FieldInfo, Paths, load_catalogue, load_fault_groups
from exporter.config.errors import ConfigError as ConfigError
from exporter.config.errors import Key, problem_at, validate
from exporter.config.fault_words import fault_words
from exporter.config.review import review_devices, review_serial, review_token
from exporter.config.schema import (
    ApiSection,
    ConfigFile,
    DeviceFile,
    DeviceLists,
    DiscoverySection,
    FieldEntry,
    FieldFilter,
    HistorySection,
    PollSection,
    SettingsSection,
)
from exporter.config.sharding import WHOLE, Shard
from exporter.config.token import TOKEN_VARIABLE, Token, TokenError
from exporter.config.yaml import YamlFile, read_yaml

#: What to do where there is no config file.
NO_CONFIG: Final = "run `atess-exporter init` to make one, or name another with --config.file"


@dataclass(frozen=True, slots=True)
class Config:
    """A complete, valid configuration. `devices` are those listed that `shard` owns; `discovery` may find more."""

    path: Path
    api: ApiSection
    poll: PollSection
    token: Token
    types: Mapping[str, DeviceType]
    kinds: Mapping[str, Kinds]
    fault_words: Mapping[str, FaultWords]
    devices: tuple[Device, ...]
    discovery: DiscoverySection | None
    settings: SettingsSection | None
    history: HistorySection
    fields: Mapping[str, FieldFilter]
    shard: Shard
    #: What is valid but hardly meant: a line each, with its place.
    warnings: tuple[str, ...] = ()

    @property
    def requests_per_minute(self) -> float:
        """Return this shard's part of the account's request budget."""
        return self.api.requests_per_minute / self.shard.total

    @property
    def discovered_types(self) -> tuple[DeviceType, ...]:
        """Return the types that discovery looks for."""
        wanted = self.discovery.types if self.discovery else []
        return tuple(known for name, known in self.types.items() if known.paths.list and (wanted is None or name in wanted))

    @property
    def settings_types(self) -> frozenset[str]:
        """Return the types whose settings are read."""
        wanted = self.settings.types if self.settings else []
        return frozenset(
            name for name, known in self.types.items() if known.paths.settings and (wanted is None or name in wanted)
        )


def load(path: Path, environment: Mapping[str, str] = os.environ, *, devices_needed: bool = True, shard: Shard = WHOLE) -> Config:
    """Read `path` and its device files. Raises ConfigError with every mistake found.

    A config without devices is a mistake only if `devices_needed`.
    """
    try:
        source = read_yaml(path)
    except ConfigError as error:
        raise error if path.exists() else ConfigError([f"{error}; {NO_CONFIG}"]) from None
    file = validate(ConfigFile, source, source.data)
    problems: list[str] = []
    warnings: list[str] = []
    types = _resolve_types(file, source, problems)
    device_files = _device_files(path.parent, file.device_files, source, problems, warnings)
    lists = chain([(source, file.devices, ("devices",))], device_files)
    devices, places = _devices(lists, types, file.poll.interval, problems)
    token = _token(file.api, source, environment, problems)
    _check_type_names(file, types, source, problems)
    if not problems and not devices and file.discovery is None and devices_needed:
        missing = "no devices; expected at least one deviceSn under a type, or discovery"
        problems.append(problem_at(source, ("devices",), missing))
    if problems or token is None:
        raise ConfigError(problems)
    warnings += [*review_devices(devices, places), *_review(file, source, token)]
    return Config(
        path=path,
        api=file.api,
        poll=file.poll,
        token=token,
        types=types,
        kinds=_kinds(file, types),
        fault_words={name: FaultWords(known.faults, load_fault_groups()) for name, known in types.items()},
        devices=tuple(device for device in devices if shard.owns(*device.key)),
        discovery=file.discovery,
        settings=file.settings,
        history=file.history,
        fields=file.fields,
        shard=shard,
        warnings=tuple(warnings),
    )


def _review(file: ConfigFile, source: YamlFile, token: Token) -> Iterator[str]:
    """Yield warnings about what is no device."""
    if odd := review_token(token.reveal()):
        yield f"{token.origin} {odd}"
    if file.api.timezone is None:
        missing = "not set, so how old the data are is not known; name the zone of the devices' clocks, such as Asia/Bangkok"
        yield problem_at(source, ("api", "timezone"), missing)
    for index, sn in enumerate(file.discovery.datalog_sns if file.discovery else ()):
        if odd := review_serial(sn):
            yield f"{source.place(('discovery', 'datalog_sns', index))}: dataLogSn {sn!r} {odd}"


def _devices(
    lists: Iterable[tuple[YamlFile, DeviceLists, Key]], types: Mapping[str, DeviceType], interval: float, problems: list[str]
) -> tuple[list[Device], Mapping[tuple[str, str], str]]:
    """Return the devices of all `lists`, each given with its file and its key there, and where each is listed."""
    found: dict[tuple[str, str], Device] = {}
    places: dict[tuple[str, str], str] = {}
    for source, by_type, prefix in lists:
        for name, entries in by_type.items():
            if name not in types:
                problem = f"unknown type; expected one of {', '.join(sorted(types))}, or one with a path under types"
                problems.append(problem_at(source, (*prefix, name), problem))
                continue
            path = types[name].paths.realtime
            for index, entry in enumerate(entries):
                key = (*prefix, name, index)
                own = entry.interval or interval
                device = Device(name, entry.deviceSn, path.path, path.evidence, own, dict(entry.info))
                first = found.setdefault(device.key, device)
                if first is device:
                    places[device.key] = source.place(key)
                else:
                    spelled = "" if first.sn == device.sn else f" as {first.sn!r}"
                    problem = f"deviceSn {device.sn!r} is listed twice (first at {places[device.key]}{spelled})"
                    problems.append(problem_at(source, key, problem))
    return list(found.values()), places


def _resolve_types(file: ConfigFile, source: YamlFile, problems: list[str]) -> dict[str, DeviceType]:
    """Return the catalogue with what the config overrides and adds."""
    types = dict(load_catalogue())
    for name, entry in file.types.items():
        known = types.get(name)
        if known is None and entry.path is None:
            problems.append(problem_at(source, ("types", name, "path"), "missing; a type of your own needs one"))
            continue
        given = {
            "realtime": entry.path,
            "history": entry.history_path,
            "list": entry.list_path,
            "settings": entry.settings_path,
        }
        paths = {key: ApiPath(path=path, evidence=Evidence.CONFIGURED) for key, path in given.items() if path is not None}
        if known is None:
            known = DeviceType(type=name, title=name, paths=Paths(**paths))
        else:
            known = known.model_copy(update={"paths": known.paths.model_copy(update=paths)})
        fields = {**known.fields, **{field: _field_info(given, known.fields.get(field)) for field, given in entry.fields.items()}}
        faults = fault_words(known.faults, entry.faults, source, ("types", name, "faults"), problems)
        types[name] = known.model_copy(update={"fields": fields, "faults": faults})
    return types


def _kinds(file: ConfigFile, types: Mapping[str, DeviceType]) -> dict[str, Kinds]:
    """Return the kinds of each type's fields. A field that is a code for one type is a code for all."""
    fields = [item for known_type in load_catalogue().values() for item in known_type.fields.items()]
    codes = {name for name, known in fields if known.kind in ("status", "identifier")}
    declared = {
        # only kinds that the user wrote, not the default
        name: dict.fromkeys(entry.faults, "status")
        | {field: given.kind for field, given in entry.fields.items() if "kind" in given.model_fields_set}
        for name, entry in file.types.items()
    }
    return {name: Kinds(codes, declared.get(name)) for name in types}


def _field_info(entry: FieldEntry, known: FieldInfo | None) -> FieldInfo:
    return FieldInfo(
        kind=entry.kind,
        evidence=Evidence.CONFIGURED,
        group=known.group if known else None,
        unit=entry.unit,
        meaning=entry.meaning,
        basis="C" if entry.meaning else None,
        values={Evidence.CONFIGURED: entry.values} if entry.values else {},
    )


def _check_type_names(file: ConfigFile, types: Mapping[str, DeviceType], source: YamlFile, problems: list[str]) -> None:
    places: list[tuple[Key, str]] = [(("fields", name), name) for name in file.fields]
    for key, section in (("discovery", file.discovery), ("settings", file.settings)):
        places += [((key, "types", index), name) for index, name in enumerate((section.types if section else None) or [])]
    for place, name in places:
        if name not in types:
            problems.append(problem_at(source, place, f"unknown type; expected one of {', '.join(sorted(types))}"))


def _device_files(
    base: Path, patterns: list[str], source: YamlFile, problems: list[str], warnings: list[str]
) -> Iterator[tuple[YamlFile, DeviceLists, Key]]:
    """Yield the device files in order of their names. Each has the content of `devices:`, with or without that key."""
    for index, pattern in enumerate(patterns):
        key: Key = ("device_files", index)
        names = sorted(glob.glob(str(base / pattern)))
        if not names and not glob.has_magic(pattern):
            problems.append(problem_at(source, key, f"no such file: {base / pattern}"))
        elif not names:
            warnings.append(problem_at(source, key, f"matches no file: {base / pattern}"))
        for name in names:
            if Path(name).is_dir():
                problems.append(problem_at(source, key, f"expected a file, got the folder {name}"))
                continue
            try:
                device_file = read_yaml(Path(name))
                data = device_file.data
                wrapped = isinstance(data, dict) and "devices" in data
                parsed = validate(DeviceFile, device_file, data if wrapped else {"devices": data}, bare=not wrapped)
                yield device_file, parsed.devices, ("devices",) if wrapped else ()
            except ConfigError as error:
                problems.extend(error.problems)


def _token(api: ApiSection, source: YamlFile, environment: Mapping[str, str], problems: list[str]) -> Token | None:
    """Return the token of the environment, or else of the file, so that one config works with either."""
    if environment.get(TOKEN_VARIABLE):
        try:
            return Token(value=environment[TOKEN_VARIABLE], source=TOKEN_VARIABLE)
        except TokenError as error:
            problems.append(str(error))
            return None
    key: Key = ("api",)
    try:
        if api.token is not None and api.token_file is not None:
            problem = "expected either token or token_file, not both"
        elif api.token is not None:
            key = ("api", "token")
            return Token(value=api.token.get_secret_value(), origin=f"api.token of {source.path}")
        elif api.token_file is not None:
            key = ("api", "token_file")
            return Token(path=source.path.parent / api.token_file)
        else:
            problem = f"no token; expected token_file, token or {TOKEN_VARIABLE}"
    except TokenError as error:
        problem = str(error)
    problems.append(problem_at(source, key, problem))
    return None
