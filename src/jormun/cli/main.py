"""The command `jormun`: its verbs, and what becomes of their errors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from jormun.cli import objdump, parse, run, validate, wast
from jormun.cli import print as print_verb
from jormun.cli.report import CommandError, report
from jormun.cli.signals import behave_natively
from jormun.version import VERSION, build_kind

_EXAMPLES: Final = """\
examples:
  jormun run app.wasm --flag          run a program; what stands behind FILE is the program's
  jormun run --dir . app.wasm         let it use the files of this directory, and no others
  jormun run --invoke add calc.wasm 1 2
  jormun validate app.wasm
  jormun parse app.wat -o app.wasm    text to binary; `jormun print app.wasm` goes the other way
  jormun objdump app.wasm             what is in a module
  jormun wast spec/                   run test scripts of the standard

`jormun VERB --help` says more of each.
"""
BROKEN_PIPE: Final = 141
"""What a shell reports of a program that SIGPIPE ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line; the exit status. `argv` is what stands behind the command's name.

    By default that is the process's own, and signals get the effect that they have on native programs.
    """
    if argv is None:
        behave_natively()
    parser = make_parser()
    try:
        try:
            arguments = parser.parse_args(argv)
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


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="jormun",
        description="Run, check and convert WebAssembly.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version and exit")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb in (run, validate, parse, print_verb, objdump, wast):
        verb.add_parser(verbs)
    return parser


class _ShowVersion(argparse.Action):
    """Prints the version, and whether modules were compiled when it was installed."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"jormun {VERSION} ({build_kind()})")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
