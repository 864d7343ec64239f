"""Programs run: by Jormun, each function compiled when it is called or all together, and by Wasmtime, the oracle.

A run of a program is a sequence of calls of its entries. After each, the outcome, the results, globals, tables and all
memories are compared.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

import wasmtime

import jormun
from jormun.errors import TrapKind
from jormun.runtime.tiering.settings import Tiering
from tests.differential import kinds
from tests.differential.programs import GLOBALS_AT, HOST_FUNCTIONS, RESULT_BYTES, TABLE_BYTES, TABLES_AT, Program

MEMORIES = ("m", "w", "c", "shared")
_CODES = {
    "UNREACHABLE": {TrapKind.UNREACHABLE},
    "MEMORY_OUT_OF_BOUNDS": {TrapKind.MEMORY_OUT_OF_BOUNDS},
    "HEAP_MISALIGNED": {TrapKind.UNALIGNED_ATOMIC},
    "TABLE_OUT_OF_BOUNDS": {TrapKind.TABLE_OUT_OF_BOUNDS, TrapKind.UNDEFINED_ELEMENT},
    "INDIRECT_CALL_TO_NULL": {TrapKind.UNINITIALIZED_ELEMENT},
    "BAD_SIGNATURE": {TrapKind.INDIRECT_CALL_TYPE_MISMATCH},
    "INTEGER_OVERFLOW": {TrapKind.INTEGER_OVERFLOW},
    "INTEGER_DIVISION_BY_ZERO": {TrapKind.INTEGER_DIVIDE_BY_ZERO},
    "BAD_CONVERSION_TO_INTEGER": {TrapKind.INVALID_CONVERSION_TO_INTEGER},
    "NULL_REFERENCE": {TrapKind.NULL_FUNCTION_REFERENCE, TrapKind.NULL_REFERENCE},
    "STACK_OVERFLOW": {TrapKind.STACK_EXHAUSTED},
    "ATOMIC_WAIT_NON_SHARED_MEMORY": {TrapKind.EXPECTED_SHARED_MEMORY},
}
"""What Wasmtime's trap codes are here."""


class HostError(Exception):
    """What the host function `fail` raises."""


class Engine(Protocol):
    """A program, instantiated."""

    def call(self, name: str, *arguments: int) -> str | TrapKind | None:
        """Call an export of main: None, or the trap, by the oracle's name for it, or "host"."""

    def memory(self, name: str) -> bytes | None:
        """The contents of a memory that a module exports."""


class Host:
    """The host functions, the same for both engines. `poke` and `again` reach into the library."""

    def __init__(self) -> None:
        self.objects: list[object] = [f"object {k}" for k in range(8)]
        self.poke: Callable[[int], None] = lambda address: None
        self.again: Callable[[int], int] = lambda x: x
        self.depth = 0

    def functions(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {name: getattr(self, f"do_{name}") for name in ("mix", "split", "obj", "num", "poke", "fail", "again")}

    def do_mix(self, a: int, b: int, x: float, y: float) -> int:
        """A number made of all the arguments, in which all NaNs are one."""
        total = a * 31 + b
        for f in (x, y):
            total = total * 1_000_003 + (12345 if f != f else hash(f))
        return _signed(total, 64)

    def do_split(self, n: int) -> tuple[int, int, float, float]:
        """Numbers made of one."""
        return _signed(n, 32), ~n, float(n % 1000) / 8, -float(n % 977)

    def do_obj(self, k: int) -> object:
        """An object; None for number 0."""
        return self.objects[k & 7] if k & 7 else None

    def do_num(self, thing: object) -> int:
        """The number of an object."""
        return -1 if thing is None else self.objects.index(thing)

    def do_poke(self, address: int) -> None:
        """Change the library's memory."""
        self.poke(address & 0xFFFF)

    def do_fail(self, x: int) -> None:
        """Raise, sometimes."""
        if x & 15 == 7:
            raise HostError

    def do_again(self, x: int) -> int:
        """Call back into the library."""
        if self.depth > 3:
            return 0
        self.depth += 1
        try:
            return self.again(x)
        finally:
            self.depth -= 1


def _signed(n: int, bits: int) -> int:
    n &= (1 << bits) - 1
    return n - (n >> bits - 1 << bits)


class Jormun:
    """The engine under test."""

    def __init__(self, library: jormun.Module, main: jormun.Module, limits: jormun.Limits | None = None) -> None:
        host = Host()
        store = jormun.Store(limits=limits)
        self.library = jormun.Instance(library, store=store)
        self.main = jormun.Instance(main, {"host": host.functions(), "library": self.library.exports}, store=store)
        shared = self.library.exports.shared

        def poke(address: int) -> None:
            shared[address] = (shared[address] + 1) & 255

        host.poke = poke
        host.again = self.library.exports.twice

    def call(self, name: str, *arguments: int) -> str | TrapKind | None:
        """See Engine."""
        try:
            self.main.exports[name](*arguments)
        except jormun.Trap as trap:
            return trap.kind
        except HostError:
            return "host"
        return None

    def memory(self, name: str) -> bytes | None:
        """See Engine."""
        exports = self.library.exports if name == "shared" else self.main.exports
        return bytes(exports[name].view()) if name in exports else None


@cache
def _oracle() -> wasmtime.Engine:
    config = wasmtime.Config()
    for feature in (
        "multi_memory", "memory64", "custom_page_sizes", "relaxed_simd", "relaxed_simd_deterministic",
        "wide_arithmetic", "tail_call", "threads", "function_references",
    ):  # fmt: skip
        setattr(config, f"wasm_{feature}", True)
    return wasmtime.Engine(config)


_VALUE_TYPES = {t: getattr(wasmtime.ValType, t) for t in ("i32", "i64", "f32", "f64", "externref")}
_HOST_TYPES = {
    f.name[1:]: wasmtime.FuncType(
        [_VALUE_TYPES[kinds.wasm_type(kind)]() for kind in f.params],
        [_VALUE_TYPES[kinds.wasm_type(kind)]() for kind in f.results],
    )
    for f in HOST_FUNCTIONS
}


class Oracle:
    """Wasmtime."""

    def __init__(self, library: wasmtime.Module, main: wasmtime.Module) -> None:
        host = Host()
        store = self.store = wasmtime.Store(_oracle())
        # Any: what the exports are, the program says.
        self.library: Any = wasmtime.Instance(store, library, []).exports(store)
        functions = host.functions()
        imports: list[Any] = []
        for each in main.imports:
            name = str(each.name)
            if each.module == "host":
                imports.append(wasmtime.Func(store, _HOST_TYPES[name], functions[name]))
            else:
                imports.append(self.library[name])
        self.main: Any = wasmtime.Instance(store, main, imports).exports(store)
        shared: Any = self.library["shared"]

        def poke(address: int) -> None:
            pointer = shared.data_ptr(store)
            pointer[address] = (pointer[address] + 1) & 255

        host.poke = poke
        twice: Any = self.library["twice"]
        host.again = lambda x: twice(store, x)

    def call(self, name: str, *arguments: int) -> str | TrapKind | None:
        """See Engine."""
        try:
            self.main[name](self.store, *arguments)
        except wasmtime.Trap as trap:
            assert trap.trap_code is not None, trap
            return trap.trap_code.name
        except HostError:
            return "host"
        return None

    def memory(self, name: str) -> bytes | None:
        """See Engine."""
        exports = self.library if name == "shared" else self.main
        memory = exports.get(name)
        if memory is None:
            return None
        return ctypes.string_at(
            ctypes.cast(memory.data_ptr(self.store), ctypes.c_void_p).value or 0, memory.data_len(self.store)
        )


CHANGING = Tiering(threshold=10, is_synchronous=True, seed=1)


class Disagreement(Exception):
    """What the engines differ in.

    `what` is the aspect: "outcome", "result", "global", "table" or a memory. `together` says how Jormun compiled.
    """

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what
        self.together = False


def make_ours(program: Program, library: bytes, main: bytes, together: bool) -> Callable[[], Engine]:
    """Makes instances of a program."""
    # Each function by itself in both tiers, one after the other at random points; all together by LLVM.
    config = jormun.Config(tier="optimizing") if together else jormun.Config(tiering=CHANGING)
    modules = [jormun.Module(data, config=config) for data in (library, main)]
    if together:
        for module in modules:
            module.compile()
    return lambda: Jormun(*modules)


def compare(program: Program, ways: Sequence[bool] = (False, True)) -> int:
    """Run a program by both engines; `ways` says how Jormun compiles: all together or each function by itself.

    Returns how many calls were compared. Raises Disagreement, and wasmtime.WasmtimeError for an invalid program.
    """
    library, main = (bytes(wasmtime.wat2wasm(tree.text())) for tree in (program.library, program.main))
    compiled = [wasmtime.Module(_oracle(), data) for data in (library, main)]
    calls = 0
    for together in ways:
        try:
            calls += _compare(program, make_ours(program, library, main, together), lambda: Oracle(*compiled))
        except Disagreement as error:
            error.args = (f"{'compiled together' if together else 'compiled lazily'}: {error}",)
            error.together = together
            raise
    return calls


def _compare(program: Program, make_ours: Callable[[], Engine], make_theirs: Callable[[], Engine]) -> int:
    ours, theirs = make_ours(), make_theirs()
    calls = 0
    for entry in program.entries:
        for argument in entry.arguments:
            mine, other = ours.call(entry.name, argument), theirs.call(entry.name, argument)
            calls += 1
            where = f"{entry.name}({argument})"
            if not _same_outcome(mine, other):
                raise Disagreement("outcome", f"{where}: ours {mine}, oracle {other}")
            if other is None:
                _compare_results(where, entry.results, ours, theirs)
            elif other in ("MEMORY_OUT_OF_BOUNDS", "STACK_OVERFLOW") and entry.is_imprecise:
                ours, theirs = make_ours(), make_theirs()
                continue
            _compare_state(where, program, ours, theirs)
    return calls


def _same_outcome(ours: str | TrapKind | None, theirs: str | TrapKind | None) -> bool:
    if ours is None or isinstance(ours, str) or theirs is None:
        return ours == theirs
    return isinstance(theirs, str) and ours in _CODES.get(theirs, ())


def _compare_results(where: str, results: tuple[str, ...], ours: Engine, theirs: Engine) -> None:
    mine, other = ours.memory("out"), theirs.memory("out")
    assert mine is not None and other is not None
    _compare_values(where, "result", results, mine, other)


def _compare_values(where: str, what: str, values: Sequence[str], ours: bytes, theirs: bytes) -> None:
    for k, kind in enumerate(values):
        at = slice(RESULT_BYTES * k, RESULT_BYTES * (k + 1))
        if not kinds.agree(kind, ours[at], theirs[at]):
            raise Disagreement(what, f"{where} {what} {k} ({kind}): ours {ours[at].hex()}, oracle {theirs[at].hex()}")


def _compare_state(where: str, program: Program, ours: Engine, theirs: Engine) -> None:
    for engine in (ours, theirs):
        outcome = engine.call("dump")
        assert outcome is None, outcome
    mine, other = ours.memory("out"), theirs.memory("out")
    assert mine is not None and other is not None
    _compare_values(where, "global", program.dumped, mine[GLOBALS_AT:], other[GLOBALS_AT:])
    if mine[TABLES_AT:] != other[TABLES_AT:]:
        at = _first_difference(mine[TABLES_AT:], other[TABLES_AT:])
        raise Disagreement("table", f"{where}: table {at // TABLE_BYTES}, entry {at % TABLE_BYTES // 4}")
    for name in MEMORIES:
        mine, other = ours.memory(name), theirs.memory(name)
        if mine != other:
            assert mine is not None and other is not None
            at = _first_difference(mine, other)
            raise Disagreement(
                name,
                f"{where}: memory {name} at {at} (of {len(mine)}, {len(other)}): ours {mine[at : at + 16].hex()},"
                f" oracle {other[at : at + 16].hex()}",
            )


def _first_difference(ours: bytes, theirs: bytes) -> int:
    return next((k for k, (x, y) in enumerate(zip(ours, theirs, strict=False)) if x != y), min(len(ours), len(theirs)))
