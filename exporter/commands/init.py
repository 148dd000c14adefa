"""The `init` subcommand: from a token to a config that is checked, in one go."""

import getpass
import os
import sys
import tempfile
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from exporter import logs
from exporter.clock import Clock
from exporter.commands.arguments import devices_of_any_type
from exporter.config.load import Config, ConfigError, load
from exporter.config.token import TOKEN_VARIABLE, Token, TokenError
from exporter.doctor.check import Check, Outcome
from exporter.doctor.examination import examine
from exporter.doctor.first_config import Answers, config_text, drop_wrong_types, proposed_zone, relative
from exporter.doctor.observations import Observations
from exporter.doctor.output import as_text
from exporter.doctor.plan import DoctorOptions, PlanError, make_plan
from exporter.doctor.proposal import write_new
from exporter.doctor.survey import survey

#: Where a token that was typed is kept, beside the config.
TOKEN_FILE: Final = "atess_token"  # noqa: S105 - a file's name


@dataclass(frozen=True, slots=True)
class InitOptions:
    """The flags: each is the answer to a question that is then not asked. `devices` are type:serial, or the serial alone."""

    token_file: Path | None = None
    datalog_sns: Sequence[str] = ()
    devices: Sequence[tuple[str, str]] = ()
    timezone: str | None = None
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Terminal:
    """How questions are asked: `line` with echo, `secret` without. None where nobody can be asked."""

    line: Callable[[str], str] = input
    secret: Callable[[str], str] = getpass.getpass


class CannotAskError(Exception):
    """There is no terminal for a question. The message names the flag that answers it."""


def run(options: Namespace) -> int:
    """Ask for what the flags leave open, and write the config."""
    given = InitOptions(options.token_file, options.datalog_sns, options.devices, options.timezone, options.base_url)
    return make_config(options.config, given, Terminal() if sys.stdin.isatty() else None, os.environ, Clock())


def make_config(
    path: Path,
    options: InitOptions,
    terminal: Terminal | None,
    environment: Mapping[str, str],
    clock: Clock,
) -> int:
    """Write the config to `path`, and the token to a file beside it if it was typed.

    Return the exit code: 1 if anything failed, 2 if a flag is missing. Neither file is ever overwritten. If the cloud cannot
    be reached, or refuses the token, nothing is written.
    """
    try:
        if path.exists():
            return _fail(f"{path} exists already; name another with --config.file, or move it away")
        token, token_file, typed = _token(path, options, terminal, environment)
        answers = _answers(options, terminal, token_file, path)
        config, seen, checks = _look(answers, token, clock)
        print(token.hide_in(as_text(checks, (), "")))
        if any(check.outcome is Outcome.FAIL and check.name in ("connection", "token", "account", "run") for check in checks):
            return _fail("nothing was written")
        if terminal is not None and not answers.timezone:
            answers = _ask_zone(answers, terminal, checks)
        if typed:
            write_new(path.parent / TOKEN_FILE, token.reveal() + "\n", 0o600)
        write_new(path, config_text(config, answers, seen, checks))
    except CannotAskError as missing:
        print(f"atess-exporter init: {missing}", file=sys.stderr)
        return 2
    except (ArgumentTypeError, ConfigError, PlanError, TokenError) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"cannot write {error.filename}: {error.strerror}")
    except EOFError:
        return _fail("no answer")
    written = f"{path} and {path.parent / TOKEN_FILE} (only you may read it)" if typed else str(path)
    print(f"\nWritten: {written}. Start the exporter: atess-exporter --config.file {path}")
    return 1 if any(check.outcome is Outcome.FAIL for check in checks) else 0


def _fail(problem: str) -> int:
    print(problem, file=sys.stderr)
    return 1


def _token(
    path: Path, options: InitOptions, terminal: Terminal | None, environment: Mapping[str, str]
) -> tuple[Token, str | None, bool]:
    """Return the token, its file as the config is to name it, and whether it was typed. Raises TokenError and CannotAskError."""
    if options.token_file is not None:
        return Token(path=options.token_file), relative(options.token_file, path), False
    if value := environment.get(TOKEN_VARIABLE):
        return Token(value=value, source=TOKEN_VARIABLE), None, False
    if terminal is None:
        raise CannotAskError(f"no terminal to ask for the token: give --token-file, or {TOKEN_VARIABLE} in the environment")
    kept = path.parent / TOKEN_FILE
    if kept.exists():
        raise TokenError(f"{kept} exists already; use it with --token-file {kept}, or move it away")
    typed = terminal.secret("Token, exactly as the vendor gave it to you (it is not shown): ")
    return Token(value=typed), TOKEN_FILE, True


def _answers(options: InitOptions, terminal: Terminal | None, token_file: str | None, path: Path) -> Answers:
    loggers, devices = list(options.datalog_sns), list(options.devices)
    if not loggers and not devices:
        if terminal is None:
            raise CannotAskError("no terminal to ask for the devices: give --datalog-sn or --devices")
        loggers = _parts(
            terminal.line("Serial numbers of your data loggers, with commas between (empty if you do not know them): ")
        )
        if not loggers:
            typed = terminal.line("Serial numbers of your devices, with commas between, or type:serial where you know the type: ")
            devices = devices_of_any_type(typed) if typed.strip() else []
    if not loggers and not devices:
        raise PlanError("no devices: a data logger or a device is needed")
    return Answers(loggers, devices, options.timezone, options.base_url, token_file)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _look(answers: Answers, token: Token, clock: Clock) -> tuple[Config, Observations, list[Check]]:
    """Ask the account. Raises ConfigError and PlanError for answers that cannot be."""
    with tempfile.TemporaryDirectory(prefix="atess-exporter-init-") as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(answers.to_ask(), encoding="utf-8")
        config = load(file, {TOKEN_VARIABLE: token.reveal()}, devices_needed=False)
    logs.configure("error", "logfmt", token.hide_in)
    plan = make_plan(config, DoctorOptions(answers.asked(list(config.types)), answers.datalog_sns, quick=True))
    print(f"Sending {plan.forecast(config.requests_per_minute)}.", flush=True)
    seen = survey(config, plan, clock, lambda number, purpose: None)
    drop_wrong_types(seen, answers)
    return config, seen, examine(seen)


def _ask_zone(answers: Answers, terminal: Terminal, checks: Sequence[Check]) -> Answers:
    check = next((check for check in checks if check.name == "timezone"), None)
    if check is None or check.outcome is Outcome.SKIP:
        return answers
    default = proposed_zone(checks)
    typed = terminal.line(f"Time zone of the devices, such as Asia/Bangkok [{default or 'leave it open'}]: ").strip()
    if typed:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(typed)
        except (KeyError, ValueError, OSError):
            print(f"There is no time zone {typed!r}: set api.timezone in the config later.", file=sys.stderr)
            return answers
    return replace(answers, timezone=typed or None)
