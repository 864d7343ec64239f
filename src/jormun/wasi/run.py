"""Running programs: linking a module with WASI, and calling the function that a command begins with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from jormun.errors import LinkError
from jormun.runtime.function import Function
from jormun.runtime.instance import Instance, instantiate
from jormun.runtime.linking import ImportModule, Imports, describe, resolve
from jormun.runtime.memory import Memory
from jormun.runtime.module import CompiledModule
from jormun.runtime.store import Store
from jormun.types import DefType, FuncExternType, FuncType
from jormun.wasi.abi import PREVIEW1, UNSTABLE, Abi
from jormun.wasi.filesystem import Directory, File
from jormun.wasi.functions import functions_of
from jormun.wasi.given import Given, ready
from jormun.wasi.host_file import HostFile
from jormun.wasi.memory import GuestMemory
from jormun.wasi.memory_stream import MemoryStream
from jormun.wasi.process import Exit
from jormun.wasi.wasi import Wasi, make_wasi

START: Final = "_start"
"""What a command exports: its whole run."""
INITIALIZE: Final = "_initialize"
"""What a reactor, a library with WASI, may export: to be called before anything else."""
MEMORY: Final = "memory"
"""What both export their memory as."""

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
    imports: Imports | None = None,
    store: Store | None = None,
) -> int:
    """Runs a program to its end; its exit status, unsigned and of 32 bits.

    The first of `arguments` is the program's name. Standard streams that are None are the host's own. `imports` is what
    the module may import beside WASI, of `store`. Raises LinkError for a module that is no program or wants what it is
    not given, Trap when it traps, OSError for a directory that cannot be opened.
    """
    require_start(compiled)
    wasi = open_wasi(arguments, environment, directories, (stdin, stdout, stderr))
    try:
        return call_start(compiled, wasi, imports=imports, store=store)
    finally:
        wasi.close()


def call_start(
    compiled: CompiledModule, wasi: Wasi, *, imports: Imports | None = None, store: Store | None = None
) -> int:
    """As run_command, in a world that was opened before and stays open."""
    require_start(compiled)
    try:
        start = instantiate_with_wasi(compiled, wasi, imports=imports, store=store).exports[START]
        assert isinstance(start, Function)
        start.call()
    except Exit as end:
        return end.status
    return 0


def require_start(compiled: CompiledModule) -> None:
    """Raises LinkError unless the module is a command."""
    exports = zip(compiled.valid.module.exports, compiled.valid.export_types, strict=True)
    found = next((t for export, t in exports if export.name == START), None)
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
) -> Wasi:
    """The world of a guest, as run_command takes its parts. Its `close` is to be called at the end."""
    opened: dict[str, Directory] = {}
    try:
        for name, given in ready(directories or {}).items():
            opened[name] = given.reopened()
        files = [_inherited(fd) if stream is None else stream for fd, stream in enumerate(streams)]
        return make_wasi(arguments, environment or {}, files, opened)
    except BaseException:
        for directory in opened.values():
            directory.close()
        raise


def instantiate_with_wasi(
    compiled: CompiledModule,
    wasi: Wasi,
    *,
    imports: Imports | None = None,
    store: Store | None = None,
) -> Instance:
    """An instance linked with WASI and `imports`, which come first.

    Each instance has a memory of its own, and shares the rest of the world. A start function may call WASI already.
    """
    if store is None:
        store = Store(compiled.engine)
    own = replace(wasi, memory=GuestMemory())

    def attach(instance: Instance) -> None:
        memory = instance.exports.get(MEMORY)
        if isinstance(memory, Memory):
            own.memory.attach(memory)

    externs = resolve(compiled.valid, WasiImports(own, store, imports), store)
    return instantiate(store, compiled, externs, before_start=attach)


def initialize(instance: Instance) -> None:
    """Makes a reactor ready for calls. Does nothing for a module that needs no such thing."""
    function = instance.exports.get(INITIALIZE)
    if isinstance(function, Function) and function.func_type == FuncType((), ()):
        function.call()


class WasiImports:
    """What a guest may import: WASI under both of its names, behind what else it was given."""

    def __init__(self, wasi: Wasi, store: Store, others: Imports | None = None) -> None:
        self._others: Imports = {} if others is None else others
        self._wasi = {abi.module: _WasiModule(wasi.speaking(abi), store, abi) for abi in (PREVIEW1, UNSTABLE)}

    def __getitem__(self, name: str) -> ImportModule:
        if name in self._others:
            return self._others[name]
        return self._wasi[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._others
        yield from self._wasi


class _WasiModule:
    """The functions of one module, made when they are looked up: a guest imports few of them."""

    def __init__(self, wasi: Wasi, store: Store, abi: Abi) -> None:
        self._wasi = wasi
        self._store = store
        self._functions = functions_of(abi)

    def __getitem__(self, name: str) -> Callable[..., object]:
        function = self._functions[name]
        return Function.host(self._store, function.type, function.bind(self._wasi), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)


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
    return HostFile(fd, is_borrowed=True)
