"""The reference of the command line, made from its parser."""

import argparse
from collections.abc import Iterable, Iterator

from tools.reference.table import code, table


def flags(parser: argparse.ArgumentParser) -> str:
    """Return a section for the exporter and for each subcommand, with a table of its flags."""
    intro = f"## {parser.prog}\n\nWithout a subcommand the exporter runs.\n\n"
    return "\n\n".join([intro + _table(parser), *(_section(*one) for one in _subcommands(parser))])


def _section(name: str, what: str, command: argparse.ArgumentParser) -> str:
    return f"## {name}\n\n{what[:1].upper()}{what[1:]}.\n\n{_table(command)}"


def _subcommands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for listed in action._get_subactions():
                yield listed.dest, listed.help or "", action.choices[listed.dest]


def _table(parser: argparse.ArgumentParser) -> str:
    return table(("flag", "meaning"), _rows(parser))


def _rows(parser: argparse.ArgumentParser) -> Iterable[tuple[str, str]]:
    formatter = parser._get_formatter()
    for action in parser._actions:
        if action.option_strings and not isinstance(action, argparse._HelpAction):
            names = ", ".join(
                code(f"{name} {formatter._format_args(action, action.dest.upper())}".rstrip()) for name in action.option_strings
            )
            needed = " (required)" if action.required else ""
            yield names, f"{formatter._expand_help(action)}{needed}"
