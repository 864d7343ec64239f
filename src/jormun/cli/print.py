"""`jormun print`: from binary to text."""

from __future__ import annotations

import argparse

from jormun.cli.subparsers import Subparsers, add_verb
from jormun.hints import Final

_EXAMPLES: Final = """\
examples:
  jormun print app.wasm | less
  jormun print app.wasm -o app.wat
  jormun print messy.wat                    text is printed anew

The module need not be valid, but its instructions must decode. Exit status: 0, or 1 for a module that is malformed,
with its offset on standard error.
"""


def add_parser(verbs: Subparsers) -> None:
    """Adds the verb to the command line."""
    parser = add_verb(
        verbs,
        "print",
        help="turn a binary module into text (.wat)",
        description="Turn a module into text.",
        examples=_EXAMPLES,
    )
    parser.add_argument("file", metavar="FILE", help="the module; - is standard input")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="where to write the text (default: -, standard output)"
    )
    parser.set_defaults(run=_print)


def _print(arguments: argparse.Namespace) -> int:
    from jormun.cli.output import write_output
    from jormun.cli.progress import Progress
    from jormun.cli.report import module_error
    from jormun.cli.source import read_module, read_source
    from jormun.errors import WasmError
    from jormun.text.printer import print_module

    with Progress(arguments.file) as progress:
        source = read_source(arguments.file)
        progress.announce("printing", len(source.data))
        module = read_module(source)
        try:
            text = print_module(module)
        except WasmError as error:
            raise module_error(source.name, error) from error
    data = (text.rstrip("\n") + "\n").encode()
    write_output(arguments.output, data)
    return 0
