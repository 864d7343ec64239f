"""`jormun validate`: whether a module is one."""

from __future__ import annotations

import argparse

from jormun.cli.subparsers import Subparsers, add_verb
from jormun.hints import Final

_EXAMPLES: Final = """\
examples:
  jormun validate app.wasm && echo fine
  jormun validate module.wat
  cat app.wasm | jormun validate -

Exit status: 0 for a valid module. 1 for one that is malformed or invalid, with its offset, or its line and column, on
standard error.
"""


def add_parser(verbs: Subparsers) -> None:
    """Adds the verb to the command line."""
    parser = add_verb(
        verbs,
        "validate",
        help="check a module",
        description="Check that a module, in binary or in text, is valid.",
        examples=_EXAMPLES,
    )
    parser.add_argument("file", metavar="FILE", help="the module; - is standard input")
    parser.set_defaults(run=_validate)


def _validate(arguments: argparse.Namespace) -> int:
    from jormun.cli.progress import Progress
    from jormun.cli.report import module_error
    from jormun.cli.source import read_module, read_source
    from jormun.errors import WasmError
    from jormun.validation.module import validate

    with Progress(arguments.file) as progress:
        source = read_source(arguments.file)
        progress.announce("validating", len(source.data))
        module = read_module(source)
        try:
            validate(module)
        except WasmError as error:
            raise module_error(source.name, error) from error
    return 0
