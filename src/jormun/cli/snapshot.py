"""`jormun snapshot`: a module whose instances begin in the state that one of a module has reached."""

from __future__ import annotations

from jormun.cli.limits import add_limits, given_limits
from jormun.cli.subparsers import Subparsers, add_verb
from jormun.cli.world import add_world, make_world
from jormun.hints import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

    from jormun.runtime.instance import Instance

_EXAMPLES: Final = """\
examples:
  jormun snapshot lib.wasm -o ready.wasm                    behind its start function and _initialize
  jormun snapshot --invoke boot interpreter.wasm -o booted.wasm
  jormun snapshot --dir ./lib::/lib --invoke load --invoke warm app.wasm -o app2.wasm

An instance is made, its function _initialize is called if it exports one, and then those that are named, in order,
which take nothing. What is in its memories, tables and globals then is written as a module, which has the same imports
and exports, but no start function and no _initialize. It is WebAssembly: any runtime takes it, `jormun compile` too.

What the guest had of the host is not in it: files that it has open, for instance. Programs should be given the same
directories again.

Exit status: 0; 1 for a module that is malformed or invalid, wants what it is not given, or cannot be written down; 134
when it trapped; its own, if it ended itself with one beside 0; 2 for a wrong command line.
"""


def add_parser(verbs: Subparsers) -> None:
    """Adds the verb to the command line."""
    parser = add_verb(
        verbs,
        "snapshot",
        help="run some of a module, and write one that goes on from there",
        description="Call functions of a module, and write a module whose instances begin in the state reached.",
        examples=_EXAMPLES,
    )
    add_world(parser)
    add_limits(parser)
    parser.add_argument(
        "--invoke", dest="invoked", metavar="NAME", action="append", default=[], help="call this exported function"
    )
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="where to write; - is standard output")
    parser.add_argument("file", metavar="FILE", help="the module; - is standard input")
    parser.set_defaults(run=_snapshot, arguments=[])


def _snapshot(arguments: argparse.Namespace) -> int:
    from jormun.api.config import Config
    from jormun.api.module import Module
    from jormun.binary.encode import encode
    from jormun.cli.invoke import invoke
    from jormun.cli.output import write_output
    from jormun.cli.report import CommandError, module_error, report_trap
    from jormun.cli.run import TRAPPED
    from jormun.cli.source import read_source
    from jormun.errors import Exit, WasmError
    from jormun.runtime.snapshot import snapshot
    from jormun.wasi.linking import instantiate_with_wasi
    from jormun.wasi.run import INITIALIZE, initialize, run_in, stoppable

    limits = given_limits(arguments)
    source = read_source(arguments.file)
    world = make_world(arguments)
    made: list[Instance] = []
    try:
        module = Module(source.data, config=Config())
        store = limits.store(module.config.engine)
        compiled = module.compiled_for(store)
        wasi = stoppable(world.wasi, compiled, has_limit=limits.has_time)

        def run() -> None:
            instance = instantiate_with_wasi(compiled, wasi, store=store)
            initialize(instance)
            for name in arguments.invoked:
                invoke(instance, name, [])
            made.append(instance)

        try:
            run_in(wasi, run, limits.timeout_s, limits.processor(store))
        finally:
            wasi.close()
        data = encode(snapshot(made[0], (INITIALIZE,)))
    except Exit as end:
        if end.status:
            return end.status
        raise CommandError(f"{source.name}: ended itself; call a function that returns, by --invoke") from end
    except WasmError as error:
        if not hasattr(error, "backtrace"):  # neither a trap nor an exception that the guest threw
            raise module_error(source.name, error) from error
        report_trap(source.name, error)
        return TRAPPED
    finally:
        world.close()
    write_output(arguments.output, data)
    return 0
