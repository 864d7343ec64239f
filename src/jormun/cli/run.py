"""`jormun run`: a program, or one function of a library."""

from __future__ import annotations

import gc

from jormun.cli.directories import makes_scratch
from jormun.cli.limits import GivenLimits, add_limits, given_limits
from jormun.cli.subparsers import Subparsers, add_verb
from jormun.cli.tier import add_tier
from jormun.cli.world import add_world, make_world
from jormun.hints import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

    from jormun.api.config import Config
    from jormun.api.module import Module
    from jormun.hints import Mapping
    from jormun.runtime.linking import ImportModule
    from jormun.runtime.store import Store
    from jormun.wasi.wasi import Wasi

to_the_end: list[object] | None = None
"""Where there is a list, a run's store and module go there: a process that ends with its run takes nothing apart."""
TRAPPED: Final = 134
"""The exit status after a trap: what a shell reports of a native program that aborts."""

_EXAMPLES: Final = """\
examples:
  jormun run app.wasm one two --flag             arguments behind FILE are the program's
  jormun run --dir . app.wasm                    the program may use this directory, and no other
  jormun run --dir ./data::/data:ro app.wasm     under another name, and without changing anything
  jormun run --overlay . --quota 1MiB app.wasm   it sees this directory, and its changes are gone at the end
  jormun run --scratch /tmp app.wasm             a temporary directory of its own
  jormun run --max-memory 64MiB --timeout 5 --cpu-timeout 2 app.wasm
  jormun run --stdin in.txt --stdout out.txt app.wasm
  jormun run --env LANG=C --env HOME app.wasm    HOME as it is here
  jormun run --invoke add calc.wasm 1 2          call one function, and print what it returns
  jormun run --preload env=lib.wat app.wasm      what the program imports from "env"
  jormun run --listen 127.0.0.1:8080 server.wasm it accepts connections on descriptor 3
  jormun run --deterministic app.wasm            the same clocks and random numbers in each run
  jormun run --trace-wasi app.wasm               each call of WASI on standard error, as strace shows it

FILE is a binary module or text (.wat); or what `jormun compile` made of one, if it is marked as a native program is:
executable, yours or root's, not writable for others, not called .wasm or .wat. Such a file is native code, which no
sandbox bounds: run only what you have compiled, or would run as a native program.

The exit status is the program's; 134 after a trap, whose backtrace is on
standard error; 1 for a file that is not WebAssembly, malformed, invalid, or wants what it is not given; 2 for a wrong
command line.
"""


def add_parser(verbs: Subparsers) -> None:
    """Adds the verb to the command line."""
    parser = add_verb(
        verbs,
        "run",
        help="run a program, or a function of a library",
        description="Run a WebAssembly program (a WASI command), or one function of a module.",
        usage="jormun run [options] FILE [ARG ...]",
        examples=_EXAMPLES,
    )
    add_world(parser)
    parser.add_argument("--invoke", metavar="NAME", help="call this exported function with the ARGs, by its type")
    parser.add_argument(
        "--preload",
        dest="preloads",
        metavar="NAME=FILE",
        action="append",
        default=[],
        help="a module whose exports can be imported from NAME; it may import from those before it",
    )
    add_limits(parser)
    add_tier(parser)
    parser.add_argument(
        "--no-cache", dest="has_cache", action="store_false", help="neither use nor keep code of other runs"
    )
    parser.add_argument("file", metavar="FILE", help="the module; - is standard input")
    parser.add_argument("arguments", metavar="ARG", nargs="...", help="what the program gets")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if not makes_scratch(arguments):
        return _run_file(arguments)
    from jormun.cli.signals import tidying_first

    with tidying_first():
        return _run_file(arguments)
    return TRAPPED  # nobody comes here: the signal has ended the process


def _run_file(arguments: argparse.Namespace) -> int:
    from jormun.api.config import Config
    from jormun.cli.report import module_error, report_trap
    from jormun.errors import Exit, WasmError
    from jormun.wasi.run import stoppable

    limits = given_limits(arguments)
    preloads = [_preload(text) for text in arguments.preloads]
    world = make_world(arguments)
    wasi = world.wasi
    name = arguments.file
    config = Config(tier=arguments.tier, cache=arguments.has_cache)
    try:
        module = _module(name, config)
        store = limits.store(module.config.engine)
        if to_the_end is not None:
            to_the_end.extend((module, store))
        wasi = stoppable(wasi, module.compiled_for(store), has_limit=limits.has_time)
        others: dict[str, ImportModule] = {}
        for preload, file in preloads:
            name = file
            others[preload] = _preloaded(_module(file, config), wasi, others, store)
        name = arguments.file
        if not gc.isenabled():  # since `command` begins so
            gc.freeze()  # what there is by now stays until the process ends
            gc.enable()
        if arguments.invoke is None:
            return _call_start(name, module, wasi, others, store, limits)
        return _invoke(module, wasi, others, store, limits, arguments)
    except Exit as end:
        return end.status
    except WasmError as error:
        if not hasattr(error, "backtrace"):  # neither a trap nor an exception that the guest threw
            raise module_error(name, error) from error
        report_trap(name, error)
        return TRAPPED
    finally:
        wasi.close()
        world.close()
        if config.code_cache is not None:
            from jormun.cache.kept import save_all

            save_all()


def _call_start(
    path: str,
    module: Module,
    wasi: Wasi,
    others: Mapping[str, ImportModule],
    store: Store,
    limits: GivenLimits,
) -> int:
    from jormun.types import ExternKind
    from jormun.wasi.run import START, call_start

    names = [export.name for export in module.exports if export.kind is ExternKind.FUNC]
    if START not in names:
        from jormun.cli.invoke import list_names
        from jormun.cli.report import CommandError

        hint = f"; call one of its functions with --invoke NAME: {list_names(names)}" if names else ""
        raise CommandError(f"{path}: is a library, not a program: it exports no function {START}{hint}")
    return call_start(
        module.compiled_for(store),
        wasi,
        imports=others,
        store=store,
        timeout_s=limits.timeout_s,
        processor=limits.processor(store),
    )


def _invoke(
    module: Module,
    wasi: Wasi,
    others: Mapping[str, ImportModule],
    store: Store,
    limits: GivenLimits,
    arguments: argparse.Namespace,
) -> int:
    from jormun.cli.invoke import invoke
    from jormun.cli.output import write_line
    from jormun.wasi.linking import instantiate_with_wasi
    from jormun.wasi.run import initialize, run_in

    lines: list[str] = []

    def call() -> None:
        instance = instantiate_with_wasi(module.compiled_for(store), wasi, imports=others, store=store)
        initialize(instance)
        lines.extend(invoke(instance, arguments.invoke, arguments.arguments))

    run_in(wasi, call, limits.timeout_s, limits.processor(store))
    for line in lines:
        write_line(line)
    return 0


def _preloaded(module: Module, wasi: Wasi, others: Mapping[str, ImportModule], store: Store) -> ImportModule:
    """The exports of a module that others import from."""
    from jormun.wasi.linking import instantiate_with_wasi
    from jormun.wasi.run import initialize

    instance = instantiate_with_wasi(module.compiled_for(store), wasi, imports=dict(others), store=store)
    initialize(instance)
    return instance.exports


def _module(path: str, config: Config) -> Module:
    """A module from a file. Raises CommandError."""
    from jormun.api.module import Module
    from jormun.api.source import is_artifact
    from jormun.cli.progress import Progress
    from jormun.cli.report import CommandError, module_error
    from jormun.cli.source import STANDARD_INPUT, read_source
    from jormun.errors import WasmError

    if path != STANDARD_INPUT and is_artifact(path):
        try:
            return Module.open(path, config=config)
        except WasmError as error:
            raise module_error(path, error) from error
    with Progress(path) as progress:
        source = read_source(path, may_stay=True)
        progress.announce("validating", source.contents.size_bytes)
        try:
            return Module.of(source.contents, config)
        except WasmError as error:
            found = module_error(source.name, error)
            hint = "; test scripts are run by `jormun wast`" if path.endswith(".wast") else ""
            raise CommandError(f"{found}{hint}") from error


def _preload(text: str) -> tuple[str, str]:
    """The module name and file of a --preload."""
    from jormun.cli.report import UsageError

    name, equals, file = text.partition("=")
    if not equals or not name or not file:
        raise UsageError(f"--preload {text}: a module is preloaded as NAME=FILE")
    return name, file
