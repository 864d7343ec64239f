"""`jormun parse`: from text to binary."""

from __future__ import annotations

import argparse

from jormun.cli.subparsers import Subparsers, add_verb
from jormun.hints import Final

_EXAMPLES: Final = """\
examples:
  jormun parse module.wat                   writes module.wasm
  jormun parse module.wat -o other.wasm
  jormun parse - -o - < module.wat | jormun objdump -

The module is parsed, and not validated: `jormun validate` does that. Exit status: 0, or 1 for text that is malformed,
with its line and column on standard error.
"""


def add_parser(verbs: Subparsers) -> None:
    """Adds the verb to the command line."""
    parser = add_verb(
        verbs,
        "parse",
        help="turn text (.wat) into a binary module",
        description="Turn a module in text into a binary one.",
        examples=_EXAMPLES,
    )
    parser.add_argument("file", metavar="FILE", help="the text; - is standard input")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where to write the module; - is standard output (default: FILE.wasm)"
    )
    parser.set_defaults(run=_parse)


def _parse(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from jormun.binary.encode import encode
    from jormun.cli.output import write_output
    from jormun.cli.progress import Progress
    from jormun.cli.report import CommandError, UsageError
    from jormun.cli.source import STANDARD_INPUT, read_module, read_source

    output = arguments.output
    if output is None and arguments.file == STANDARD_INPUT:
        raise UsageError("say where to write what standard input becomes: -o FILE, or -o - for standard output")
    with Progress(arguments.file) as progress:
        source = read_source(arguments.file)
        if not source.is_text:
            raise CommandError(f"{source.name}: is a binary module already; `jormun print` turns it into text")
        progress.announce("parsing", len(source.data))
        data = encode(read_module(source))
    if output is None:
        output = str(Path(arguments.file).with_suffix(".wasm"))
        if output == arguments.file:
            raise UsageError(f"{output}: would be written over the text itself; say where else with -o FILE")
    write_output(output, data)
    return 0
