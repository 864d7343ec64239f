"""How a verb is added to the command line: all of them alike, each with examples in its help."""

from __future__ import annotations

from jormun.hints import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import argparse

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What a verb is added to; argparse has no public name for it."""


def add_verb(
    verbs: Subparsers, name: str, *, help: str, description: str, examples: str, usage: str | None = None
) -> argparse.ArgumentParser:
    """The parser of a new verb. `help` is its line in `jormun --help`; `examples` end its own help, as they stand."""
    return verbs.add_parser(
        name,
        help=help,
        description=description,
        usage=usage,
        epilog=examples,
        formatter_class=_formatter,
        allow_abbrev=False,
    )


def _formatter(prog: str) -> argparse.HelpFormatter:
    """What leaves examples as they stand."""
    from argparse import RawDescriptionHelpFormatter

    return RawDescriptionHelpFormatter(prog)
