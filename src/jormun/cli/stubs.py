"""`jormun stubs`: what type checkers are to know of a module that jormun.hook imports."""

from __future__ import annotations

import argparse

from jormun.cli.subparsers import Subparsers, add_verb
from jormun.hints import Final

_EXAMPLES: Final = """\
examples:
  jormun stubs calc.wasm                    write calc.pyi beside it
  jormun stubs calc.wasm -o -               to standard output

A program then says `import jormun.hook; import calc`, and mypy knows the types of the exports.

Exit status: 0, or 1 for a module that is malformed or invalid.
"""


def add_parser(verbs: Subparsers) -> None:
    """Adds the verb to the command line."""
    parser = add_verb(
        verbs,
        "stubs",
        help="write a stub (.pyi) of a module, for type checkers",
        description="Write a stub (.pyi) of a module that Python imports through jormun.hook.",
        examples=_EXAMPLES,
    )
    parser.add_argument("file", metavar="FILE", help="the module; - is standard input")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where to write it (default: beside FILE; - is standard output)"
    )
    parser.set_defaults(run=_stubs)


def _stubs(arguments: argparse.Namespace) -> int:
    import os

    from jormun.api.config import Config
    from jormun.api.module import Module
    from jormun.api.stubs import stub_of
    from jormun.cli.output import write_output
    from jormun.cli.report import UsageError, module_error
    from jormun.cli.source import STANDARD_INPUT, read_source
    from jormun.errors import WasmError

    output = arguments.output
    if output is None:
        if arguments.file == STANDARD_INPUT:
            raise UsageError("-o FILE is needed: standard input has no name to derive one from")
        root, suffix = os.path.splitext(arguments.file)
        output = (root if suffix in (".wasm", ".wat") else arguments.file) + ".pyi"
    source = read_source(arguments.file)
    try:
        text = stub_of(Module(source.data, config=Config(cache=False)), os.path.basename(source.name))
    except WasmError as error:
        raise module_error(source.name, error) from error
    write_output(output, text.encode())
    return 0
