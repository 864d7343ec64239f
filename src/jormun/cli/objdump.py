"""`jormun objdump`: what is in a module."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from jormun.cli.subparsers import Subparsers, add_verb
from jormun.hints import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jormun.cli.dump import Dump
    from jormun.cli.source import Source
    from jormun.syntax.module import Module

_EXAMPLES: Final = """\
examples:
  jormun objdump app.wasm
  jormun objdump --disassemble app.wasm | less
  jormun objdump --function main app.wasm       instructions of one function, by name or number
  jormun objdump --function main --machine app.wasm    the machine code that it becomes

Offsets and sizes are in bytes; offsets are those in the file. A module that is text is encoded first. The module need
not be valid, but for --machine: where code does not decode, the error stands in its place. Exit status: 0, or 1 for a
module that is malformed, whose sections are listed up to there, or a function that is not in it.
"""


def add_parser(verbs: Subparsers) -> None:
    """Adds the verb to the command line."""
    parser = add_verb(
        verbs,
        "objdump",
        help="show what is in a module",
        description="Show a module's sections, types, imports, exports, functions and segments.",
        examples=_EXAMPLES,
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
    parser.add_argument(
        "-m",
        "--machine",
        action="store_true",
        help="show, in place of instructions, the machine code that they become, as assembly for this computer",
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
    code = _machine_code(source.name, dump) if arguments.machine else dump.disassembly
    if arguments.function:
        for name in arguments.function:
            indices = dump.find(name)
            if not indices:
                raise CommandError(f"{source.name}: no function {name!r} is defined in it")
            for index in indices:
                _print(code(index))
        return 0
    _print([f"{source.name}: WebAssembly module, {len(data)} bytes"])
    _print(dump.lines())
    if arguments.disassemble or arguments.machine:
        for index in dump.defined:
            _print(code(index))
    return 0


def _machine_code(name: str, dump: Dump) -> Callable[[int], Iterator[str]]:
    """What shows the machine code of a function. Raises CommandError unless the module is valid."""
    from jormun.cli.machine_code import machine_code
    from jormun.cli.report import module_error
    from jormun.errors import WasmError

    try:
        lines = machine_code(dump.module)
    except WasmError as error:
        raise module_error(name, error) from error
    return lambda index: chain(dump.title(index), lines(index))


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
    from jormun.cli.report import CommandError

    if sys.stdout is None:
        raise CommandError("standard output is closed")
    sys.stdout.writelines(f"{line}\n" for line in lines)
