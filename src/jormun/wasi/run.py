"""Running programs: linking a module with WASI, and calling the function that a command begins with."""

from __future__ import annotations

import sys

from jormun.dataclass import replace
from jormun.errors import Exit, LinkError
from jormun.hints import TYPE_CHECKING, Callable, Final, Mapping, Sequence, TypeAlias
from jormun.runtime.function import Function
from jormun.runtime.instance import Instance
from jormun.runtime.interruption import current
from jormun.runtime.linking import Imports, describe
from jormun.runtime.module import CompiledModule
from jormun.runtime.store import Store
from jormun.types import DefType, FuncExternType, FuncType
from jormun.wasi.filesystem import Directory, File
from jormun.wasi.given import Given, ready
from jormun.wasi.host_file import HostFile
from jormun.wasi.linking import instantiate_with_wasi, wants_threads
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.wasi import Wasi, make_wasi

if TYPE_CHECKING:
    from jormun.runtime.time_spent import ProcessorTime
    from jormun.wasi.trace import Trace

START: Final = "_start"
"""What a command exports: its whole run."""
INITIALIZE: Final = "_initialize"
"""What a reactor, a library with WASI, may export: to be called before anything else."""
Directories: TypeAlias = Mapping[str, Given]
"""Directories by the guest's names for them."""


def run_command(
    compiled: CompiledModule,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    directories: Directories | None = None,
    stdin: File | None = None,
    stdout: File | None = None,
    stderr: File | None = None,
    sockets: Sequence[File] = (),
    deterministic: bool = False,
    timeout_s: float | None = None,
    processor: ProcessorTime | None = None,
    imports: Imports | None = None,
    store: Store | None = None,
) -> int:
    """Runs a program to its end; its exit status, unsigned and of 32 bits.

    The first of `arguments` is the program's name. Standard streams that are None are the host's own. `imports` is what
    the module may import beside WASI, of `store`. Raises LinkError for a module that is no program or wants what it is
    not given, Trap when it traps, TimeoutError when it takes longer than `timeout_s`, or than what `processor`, of
    `store`, has left, OSError for a directory that cannot be opened.
    """
    require_start(compiled)
    wasi = open_wasi(
        arguments,
        environment,
        directories,
        (stdin, stdout, stderr),
        sockets,
        deterministic=deterministic,
    )
    wasi = stoppable(wasi, compiled, has_limit=timeout_s is not None or processor is not None)
    try:
        return call_start(compiled, wasi, imports=imports, store=store, timeout_s=timeout_s, processor=processor)
    finally:
        wasi.close()


def call_start(
    compiled: CompiledModule,
    wasi: Wasi,
    *,
    imports: Imports | None = None,
    store: Store | None = None,
    timeout_s: float | None = None,
    processor: ProcessorTime | None = None,
) -> int:
    """As run_command, in a world that was opened before and stays open. One with a time limit must be stoppable."""
    require_start(compiled)

    def main() -> None:
        start = instantiate_with_wasi(compiled, wasi, imports=imports, store=store).export(START)
        assert isinstance(start, Function)
        start.call()

    try:
        run_in(wasi, main, timeout_s, processor)
    except Exit as end:
        return end.status
    return 0


def require_start(compiled: CompiledModule) -> None:
    """Raises LinkError unless the module is a command."""
    blueprint = compiled.blueprint
    found = next((blueprint.export_type(export) for export in blueprint.exports if export.name == START), None)
    if found is None:
        functions = ", ".join(sorted(compiled.export_names.values())) or "none"
        raise LinkError(f"not a program: it exports no function {START} (functions that it exports: {functions})")
    if not isinstance(found, FuncExternType) or _func_type(found) != FuncType((), ()):
        raise LinkError(f"not a program: {START} must be a function of type [] -> [], found {describe(found)}")


def open_wasi(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    directories: Directories | None = None,
    streams: Sequence[File | None] = (None, None, None),
    sockets: Sequence[File] = (),
    *,
    deterministic: bool = False,
    trace: Trace | None = None,
) -> Wasi:
    """The world of a guest, as run_command takes its parts. Its `close` is to be called at the end.

    `trace` writes down its calls.
    """
    opened: dict[str, Directory] = {}
    try:
        for name, given in ready(directories or {}).items():
            opened[name] = given.reopened()
        files = [_inherited(fd) if stream is None else stream for fd, stream in enumerate(streams)]
        wasi = make_wasi(arguments, environment or {}, files, opened, sockets, deterministic=deterministic)
        return replace(wasi, trace=trace)
    except BaseException:
        for directory in opened.values():
            directory.close()
        for socket in sockets:
            socket.close()
        raise


def run_in(
    wasi: Wasi, body: Callable[[], None], timeout_s: float | None, processor: ProcessorTime | None = None
) -> None:
    """Runs what calls a guest, until it and all of the guest's threads have ended. A world with a time limit must be
    stoppable. Raises what comes out of the guest, and TimeoutError.
    """
    if wasi.threads is None:
        assert timeout_s is None and processor is None
        body()
    else:
        from jormun.wasi.threads import ThreadGroup

        assert isinstance(wasi.threads, ThreadGroup)
        wasi.threads.run(body, timeout_s, processor)


def stoppable(wasi: Wasi, compiled: CompiledModule, *, has_limit: bool) -> Wasi:
    """The same world, such that it can be stopped where the guest may have threads or has a time limit, or runs under
    an interruption.

    To be made before the guest's instances.
    """
    if not has_limit and not wants_threads(compiled) and current() is None:
        return wasi
    from jormun.wasi.threads import ThreadGroup  # most guests run without

    wasi.table.share()
    return replace(wasi, threads=ThreadGroup())


def initialize(instance: Instance) -> None:
    """Makes a reactor ready for calls. Does nothing for a module that needs no such thing."""
    if INITIALIZE not in instance.compiled.export_places:
        return
    function = instance.export(INITIALIZE)
    if isinstance(function, Function) and function.func_type == FuncType((), ()):
        function()


def _func_type(t: FuncExternType) -> FuncType | None:
    assert isinstance(t.type, DefType)
    return t.type.composite if isinstance(t.type.composite, FuncType) else None


def _inherited(fd: int) -> File:
    """A standard stream of the host's; what Python has buffered for it goes out first.

    One that was closed when the process began is empty: its number may stand for any other file by now.
    """
    if (sys.__stdin__, sys.__stdout__, sys.__stderr__)[fd] is None:
        return MemoryStream()
    stream = (None, sys.stdout, sys.stderr)[fd]
    if stream is not None:
        stream.flush()
    return HostFile(fd, is_borrowed=True, reads_ahead=fd == 0)
