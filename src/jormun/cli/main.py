"""The command `jormun`: its verbs, and what becomes of their errors."""

from __future__ import annotations

import gc
import os
import sys

from jormun.cli.report import CommandError, report
from jormun.hints import TYPE_CHECKING, Final, Sequence

if TYPE_CHECKING:
    import argparse

_EXAMPLES: Final = """\
examples:
  jormun run app.wasm --flag          run a program; what stands behind FILE is the program's
  jormun run --dir . app.wasm         let it use the files of this directory, and no others
  jormun run --invoke add calc.wasm 1 2
  jormun compile app.wasm -o app      all of it to machine code, ahead of time; `jormun run app` runs it
  jormun snapshot --invoke boot app.wasm -o booted.wasm
  jormun validate app.wasm
  jormun parse app.wat -o app.wasm    text to binary; `jormun print app.wasm` goes the other way
  jormun objdump app.wasm             what is in a module
  jormun stubs calc.wasm              calc.pyi, for type checkers of programs that import it
  jormun wast spec/                   run test scripts of the standard
  jormun cache                        where compiled code is kept, and how large it is

`jormun VERB --help` says more of each.
"""
BROKEN_PIPE: Final = 141
"""What a shell reports of a program that SIGPIPE ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line, the process's by default; the exit status. `argv` is what stands behind the name."""
    if argv is None:
        # A start makes some 30,000 objects that live to its end; looking at them over and over takes a fifth of it.
        gc.set_threshold(50_000)
    try:
        try:
            arguments = _read(sys.argv[1:] if argv is None else argv)
            status: int = arguments.run(arguments)
        finally:  # behind --help and --version too, which leave by SystemExit
            _flush()
    except CommandError as error:
        report(error)
        return error.status
    except BrokenPipeError:
        return BROKEN_PIPE  # nobody reads on, and nothing more is said
    except OSError as error:
        report(error)
        return 1
    except MemoryError:
        report(CommandError("out of memory"))
        return 1
    except Exception as error:
        from jormun.errors import WasmError

        if not isinstance(error, WasmError):
            raise
        report(CommandError(str(error)))
        return 1
    return status


def _flush() -> None:
    """Writes what is left for standard output. When that fails it is dropped: Python would try again at its exit."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise


def _read(words: Sequence[str]) -> argparse.Namespace:
    """What the command line says. `jormun run`, which is to start fast, is read without argparse if it can be."""
    if words and words[0] == "run":
        from jormun.cli.plain import read_plainly
        from jormun.cli.run import add_parser

        plain = read_plainly(add_parser, words[1:])
        if plain is not None:
            return plain
    return make_parser().parse_args(words)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    import argparse

    from jormun.cli import cache, compile, objdump, parse, run, snapshot, stubs, validate, wast
    from jormun.cli import print as print_verb
    from jormun.cli.version import ShowVersion

    parser = argparse.ArgumentParser(
        prog="jormun",
        description="Run, check and convert WebAssembly.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action=ShowVersion, nargs=0, default=argparse.SUPPRESS, help="show the version and exit"
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb in (run, compile, snapshot, validate, parse, print_verb, objdump, stubs, wast, cache):
        verb.add_parser(verbs)
    return parser
