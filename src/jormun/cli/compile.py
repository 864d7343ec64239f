"""`jormun compile`: a whole module to machine code, ahead of time."""

from __future__ import annotations

import errno

from jormun.cli.subparsers import Subparsers, add_verb
from jormun.hints import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

    from jormun.cache.artifact import Artifact

_EXAMPLES: Final = """\
examples:
  jormun compile app.wasm -o app                 and then: jormun run app
  jormun compile --tier baseline app.wasm        in a moment, for what is large and runs shortly
  jormun compile --cpu x86-64-v3 app.wasm        for all CPUs with AVX2, into app.jormun
  jormun compile --target x86_64-linux app.wasm  for all that Jormun supports, with SSE4.2
  jormun compile --fuel app.wasm -o app          and then: jormun run --fuel 1000000000 app
  jormun compile --target aarch64-linux-gnu --cpu neoverse-n1 app.wasm -o app-arm

The file holds machine code and the module. It starts without anything being decoded, validated or compiled. It is for
this version of Jormun, one architecture and system, and CPUs that have what the named one has; where it does not fit,
it is refused. Code can be made for x86_64 and aarch64 under Linux and macOS, and for aarch64 under Windows; this
version of Jormun runs code under x86_64 Linux. The baseline tier makes code for that alone, for all CPUs with SSE4.2.

It is native code, as in an executable file: no check can tell what it does, and no sandbox bounds it. Run only those
that you have made, or that come from where you would take a native program from. So that nothing else is taken for one,
a file is run as machine code only if it is executable, yours or root's, not writable for others, and not called .wasm
or .wat. This command makes it so; a copy that has lost its mode gets it back by `chmod +x`.

Exit status: 0; 1 for a module that is malformed or invalid, or when the file cannot be written, which is then as it was
before; 2 for a wrong command line, or a target or CPU that there is no code for.
"""
_RUNS: Final = ("x86_64", "linux")
"""The one machine that runtime/native/support.py has code for."""


def add_parser(verbs: Subparsers) -> None:
    """Adds the verb to the command line."""
    parser = add_verb(
        verbs,
        "compile",
        help="turn a module into machine code, ahead of time",
        description="Compile all functions of a module to a file that `jormun run` and `jormun.load` start at once.",
        examples=_EXAMPLES,
    )
    parser.add_argument("file", metavar="FILE", help="the module; - is standard input")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="where to write; - is standard output (default: FILE, ending in .jormun)"
    )
    parser.add_argument(
        "--tier",
        choices=("baseline", "optimizing"),
        default="optimizing",
        help="which compiler to use: baseline takes a tenth of the time or less, and its code is optimized where it is "
        "hot, while it runs (default: optimizing)",
    )
    parser.add_argument(
        "--target",
        metavar="TRIPLE",
        help="the machine to compile for: ARCHITECTURE-SYSTEM, or the whole triple (default: this machine)",
    )
    parser.add_argument(
        "--cpu",
        metavar="NAME",
        help="the CPU that it must run on, by LLVM's name, or native (default: native; with --target, the least one "
        "that Jormun supports)",
    )
    parser.add_argument(
        "--fuel",
        dest="is_metered",
        action="store_true",
        help="make code that pays for what it runs, for `jormun run --fuel`, in place of code that does not",
    )
    parser.set_defaults(run=_compile)


def _compile(arguments: argparse.Namespace) -> int:
    from jormun.api.ahead import Compiler
    from jormun.api.config import Config
    from jormun.api.module import Module
    from jormun.cache.artifact import write_artifact
    from jormun.cli.output import STANDARD_OUTPUT, write_output
    from jormun.cli.progress import Progress
    from jormun.cli.report import UsageError, module_error
    from jormun.cli.source import read_source
    from jormun.errors import WasmError

    output = _output(arguments.file, arguments.output)
    with Progress(arguments.file) as progress:
        source = read_source(arguments.file)
        try:
            compiler = Compiler(arguments.tier, arguments.target, arguments.cpu, is_metered=arguments.is_metered)
        except WasmError as error:
            raise UsageError(str(error)) from error
        progress.announce("validating", len(source.data))
        try:
            module = Module(source.data, config=Config(cache=False))
            progress.announce("compiling", len(source.data))
            artifact = compiler.compile(module, progress.update)
        except WasmError as error:
            raise module_error(source.name, error) from error
        data = artifact.encode()
    if output == STANDARD_OUTPUT:
        write_output(output, data)
    else:
        write_artifact(output, data)
    _warn(source.name, artifact, module.blueprint.own_function_count)
    return 0


def _output(file: str, output: str | None) -> str:
    """Where to write. Whatever is wrong with the place is said now, and not after minutes of work: raises UsageError
    and OSError.
    """
    import os

    from jormun.cache.artifact import NEVER, SUFFIX
    from jormun.cli.output import STANDARD_OUTPUT
    from jormun.cli.report import UsageError
    from jormun.cli.source import STANDARD_INPUT

    if output is None:
        if file == STANDARD_INPUT:
            raise UsageError("say where to write what standard input becomes: -o OUT, or -o - for standard output")
        output = os.path.splitext(file)[0] + SUFFIX
    if output == STANDARD_OUTPUT:
        return output
    if output.lower().endswith(NEVER):
        raise UsageError(f"{output}: is how modules are named, and nothing by that name is run as machine code")
    if file != STANDARD_INPUT and os.path.realpath(file) == os.path.realpath(output):
        raise UsageError(f"{output}: would be written over the module itself; say where else with -o OUT")
    if os.path.isdir(output):
        raise UsageError(f"{output}: is a directory; say what file with -o OUT")
    folder = os.path.dirname(os.path.realpath(output))
    if not os.access(folder, os.W_OK) and not os.path.lexists(output):
        os.stat(folder)  # which tells what is wrong if it does not exist
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), output)
    return output


def _warn(name: str, artifact: Artifact, count: int) -> None:
    """Say what the file does not do: some functions, or to run here at all."""
    from jormun.cache.cache import warn
    from jormun.runtime.image import BASELINE, FUNCTION

    left = count - sum(function.kind in (FUNCTION, BASELINE) for function in artifact.entry.image.functions)
    if left:
        which = f"{left} of {count} functions" if count > 1 else "its function"
        warn(f"{name}: {which} cannot be compiled ahead yet, and will be when called, or fail then")
    made = artifact.requirements
    if (made.architecture, made.system) != _RUNS:
        warn(f"{name}: is compiled for {made}, and this version of Jormun runs machine code under x86_64 Linux alone")
