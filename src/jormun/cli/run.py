"""`jormun run`: a program, or one function of a library."""

from __future__ import annotations

import os

from jormun.cli.subparsers import Subparsers, add_verb
from jormun.cli.tier import add_tier
from jormun.hints import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from jormun.api.config import Config
    from jormun.api.module import Module
    from jormun.runtime.linking import ImportModule
    from jormun.runtime.store import Store
    from jormun.wasi.host_directory import HostDirectory
    from jormun.wasi.wasi import Wasi

TRAPPED: Final = 134
"""The exit status after a trap: what a shell reports of a native program that aborts."""

_EXAMPLES: Final = """\
examples:
  jormun run app.wasm one two --flag             arguments behind FILE are the program's
  jormun run --dir . app.wasm                    the program may use this directory, and no other
  jormun run --dir ./data::/data:ro app.wasm     under another name, and without changing anything
  jormun run --env LANG=C --env HOME app.wasm    HOME as it is here
  jormun run --invoke add calc.wasm 1 2          call one function, and print what it returns
  jormun run --preload env=lib.wat app.wasm      what the program imports from "env"

FILE is a binary module or text (.wat). The exit status is the program's; 134 after a trap, whose backtrace is on
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
    parser.add_argument(
        "--dir",
        dest="directories",
        metavar="HOST[::GUEST[:ro]]",
        action="append",
        default=[],
        help="let the program use a directory, under its own or another name; ro: for reading only",
    )
    parser.add_argument(
        "--env",
        dest="environment",
        metavar="K[=V]",
        action="append",
        default=[],
        help="set an environment variable; without a value, to what it is here. There are no others",
    )
    parser.add_argument("--invoke", metavar="NAME", help="call this exported function with the ARGs, by its type")
    parser.add_argument(
        "--preload",
        dest="preloads",
        metavar="NAME=FILE",
        action="append",
        default=[],
        help="a module whose exports can be imported from NAME; it may import from those before it",
    )
    add_tier(parser)
    parser.add_argument(
        "--no-cache", dest="has_cache", action="store_false", help="neither use nor keep code of other runs"
    )
    parser.add_argument("file", metavar="FILE", help="the module; - is standard input")
    parser.add_argument("arguments", metavar="ARG", nargs="...", help="what the program gets")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from jormun.api.config import Config
    from jormun.cli.report import module_error, report_trap
    from jormun.errors import Trap, WasmError
    from jormun.runtime.store import Store
    from jormun.wasi.process import Exit
    from jormun.wasi.run import open_wasi

    environment = dict(_variable(text) for text in arguments.environment if _is_set(text))
    preloads = [_preload(text) for text in arguments.preloads]
    name = arguments.file
    config = Config(tier=arguments.tier, cache=arguments.has_cache)
    wasi = open_wasi([name, *arguments.arguments], environment, _directories(arguments.directories))
    try:
        module = _module(name, config)
        store = Store(module.config.engine)
        others: dict[str, ImportModule] = {}
        for preload, file in preloads:
            name = file
            others[preload] = _preloaded(_module(file, config), wasi, others, store)
        name = arguments.file
        if arguments.invoke is None:
            return _call_start(name, module, wasi, others, store)
        return _invoke(module, wasi, others, store, arguments.invoke, arguments.arguments)
    except Exit as end:
        return end.status
    except Trap as trap:
        report_trap(name, trap)
        return TRAPPED
    except WasmError as error:
        raise module_error(name, error) from error
    finally:
        wasi.close()


def _call_start(path: str, module: Module, wasi: Wasi, others: Mapping[str, ImportModule], store: Store) -> int:
    from jormun.types import ExternKind
    from jormun.wasi.run import START, call_start

    names = [export.name for export in module.exports if export.kind is ExternKind.FUNC]
    if START not in names:
        from jormun.cli.invoke import list_names
        from jormun.cli.report import CommandError

        hint = f"; call one of its functions with --invoke NAME: {list_names(names)}" if names else ""
        raise CommandError(f"{path}: is a library, not a program: it exports no function {START}{hint}")
    return call_start(module.compiled, wasi, imports=others, store=store)


def _invoke(
    module: Module, wasi: Wasi, others: Mapping[str, ImportModule], store: Store, name: str, arguments: list[str]
) -> int:
    from jormun.cli.invoke import invoke
    from jormun.cli.output import STANDARD_OUTPUT, write_output
    from jormun.wasi.run import initialize, instantiate_with_wasi

    instance = instantiate_with_wasi(module.compiled, wasi, imports=others, store=store)
    initialize(instance)
    for line in invoke(instance, name, arguments):
        write_output(STANDARD_OUTPUT, f"{line}\n".encode(errors="surrogateescape"))
    return 0


def _preloaded(module: Module, wasi: Wasi, others: Mapping[str, ImportModule], store: Store) -> ImportModule:
    """The exports of a module that others import from."""
    from jormun.wasi.run import initialize, instantiate_with_wasi

    instance = instantiate_with_wasi(module.compiled, wasi, imports=dict(others), store=store)
    initialize(instance)
    return instance.exports


def _module(path: str, config: Config) -> Module:
    """A module from a file. Raises CommandError."""
    from jormun.api.module import Module
    from jormun.cli.progress import Progress
    from jormun.cli.report import CommandError, module_error
    from jormun.cli.source import read_source
    from jormun.errors import WasmError

    with Progress(path) as progress:
        source = read_source(path)
        progress.announce("validating", len(source.data))
        try:
            return Module(source.data, config=config)
        except WasmError as error:
            found = module_error(source.name, error)
            hint = "; test scripts are run by `jormun wast`" if path.endswith(".wast") else ""
            raise CommandError(f"{found}{hint}") from error


def _is_set(text: str) -> bool:
    """Whether --env names a value: a variable that is not set here is not set there either."""
    return not text or "=" in text or text in os.environ


def _variable(text: str) -> tuple[str, str]:
    """The name and value of an --env."""
    from jormun.cli.report import UsageError

    key, equals, value = text.partition("=")
    if not key:
        raise UsageError(f"--env {text}: a variable needs a name")
    return key, value if equals else os.environ[key]


def _directories(texts: list[str]) -> dict[str, HostDirectory]:
    """The directories of all --dir, by the guest's names."""
    from jormun.cli.report import UsageError

    directories: dict[str, HostDirectory] = {}
    try:
        for text in texts:
            name, host, is_read_only = _directory(text)
            if name in directories:
                raise UsageError(f"--dir {text}: there is another directory called {name}")
            directories[name] = _open(text, host, is_read_only)
    except BaseException:
        for directory in directories.values():
            directory.close()
        raise
    return directories


def _directory(text: str) -> tuple[str, str, bool]:
    """The guest's name of a --dir, the host's, and whether it is for reading only."""
    from jormun.cli.report import UsageError

    host, separator, guest = text.partition("::")
    name = guest.removesuffix(":ro") if separator else host
    if not host or not name:
        raise UsageError(f"--dir {text}: a directory is written HOST, HOST::GUEST or HOST::GUEST:ro")
    return name, host, guest.endswith(":ro")


def _open(text: str, host: str, is_read_only: bool) -> HostDirectory:
    from jormun.cli.report import UsageError, os_message
    from jormun.wasi.host_directory import HostDirectory

    try:
        return HostDirectory.at(host, is_read_only=is_read_only)
    except OSError as error:
        hint = "; for reading only is written HOST::GUEST:ro" if host.endswith(":ro") else ""
        raise UsageError(f"--dir {text}: {os_message(error)}{hint}") from error


def _preload(text: str) -> tuple[str, str]:
    """The module name and file of a --preload."""
    from jormun.cli.report import UsageError

    name, equals, file = text.partition("=")
    if not equals or not name or not file:
        raise UsageError(f"--preload {text}: a module is preloaded as NAME=FILE")
    return name, file
