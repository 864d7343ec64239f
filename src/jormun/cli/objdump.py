"""`jormun objdump`: what is in a module."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jormun.cli.source import Source
    from jormun.cli.subparsers import Subparsers
    from jormun.syntax.module import Module

_EXAMPLES: Final = """\
examples:
  jormun objdump app.wasm
  jormun objdump --disassemble app.wasm | less
  jormun objdump --function main app.wasm       instructions of one function, by name or number

Offsets and sizes are in bytes; offsets are those in the file. A module that is text is encoded first. The module need
not be valid: where code does not decode, the error stands in its place. Exit status: 0, or 1 for a module that is
malformed, whose sections are listed up to there, or a function that is not in it.
"""


def add_parser(verbs: Subparsers) -> None:
    """Adds the verb to the command line."""
    parser = verbs.add_parser(
        "objdump",
        help="show what is in a module",
        description="Show a module's sections, types, imports, exports, functions and segments.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the module; - is standard input")
    parser.add_argument(
        "-d", "--disassemble", action="store_true", help="show the instructions of the functions, and where they are"
    )
    parser.add_argument(
        "--function",
        metavar="NAME",
        action="append",
        default=[],
        help="show the instructions of this function alone, by its name, export or number; may be repeated",
    )
    parser.set_defaults(run=_objdump)


def _objdump(arguments: argparse.Namespace) -> int:
    from jormun.binary.encode import encode
    from jormun.cli.dump import Dump
    from jormun.cli.report import CommandError
    from jormun.cli.source import read_module, read_source

    source = read_source(arguments.file)
    try:
        module = read_module(source)
    except CommandError:
        if not source.is_text:
            _print_sections(source)
        raise
    data = source.data
    if source.is_text:
        data = encode(module)
        module = _decode_anew(data)
    dump = Dump(module, data)
    if arguments.function:
        for name in arguments.function:
            indices = dump.find(name)
            if not indices:
                raise CommandError(f"{source.name}: no function {name!r} is defined in it")
            for index in indices:
                _print(dump.disassembly(index))
        return 0
    _print([f"{source.name}: WebAssembly module, {len(data)} bytes"])
    _print(dump.lines())
    if arguments.disassemble:
        for index in dump.defined:
            _print(dump.disassembly(index))
    return 0


def _decode_anew(data: bytes) -> Module:
    """The module as its binary says it, so that its parts know their offsets."""
    from jormun.binary.decode import decode

    return decode(data)


def _print_sections(source: Source) -> None:
    """The sections of a malformed module, as far as there are any."""
    from jormun.cli.dump import section_lines
    from jormun.errors import MalformedError

    try:
        _print(section_lines(source.data))
    except MalformedError:
        pass
    sys.stdout.flush()


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
