"""Compares calls between Python and WebAssembly, here and in wasmtime's package, side by side.

    python benchmarks/calls.py [--rounds N]

Each row is a call that is made many times: of a function that adds two numbers, of a Python function by a guest, of a
C function by a guest. The columns are measured in turn, and the least time of all rounds counts: what else the machine
does only adds. A row's time has in it the loop that makes the call; an empty one is measured too, and named below.
C functions are the C library's, by ctypes and cffi, and one that numba compiled, where those are installed. wasmtime
has no way to call one but through Python.
"""

from __future__ import annotations

import argparse
import ctypes
import platform
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import repeat

import jormun

WAT = """(module
  (import "host" "same" (func $same (param i64) (result i64)))
  (func (export "add") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "add_f64") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
  (func (export "swap") (param i64 i64) (result i64 i64) (local.get 1) (local.get 0))
  (func (export "add_long") (param i64 i64) (result i64) (loop) (i64.add (local.get 0) (local.get 1)))
  (func (export "ask") (param $times i64) (result i64) (local $x i64)
    (loop $again
      (local.set $x (call $same (local.get $x)))
      (br_if $again (i64.ne (local.tee $times (i64.sub (local.get $times) (i64.const 1))) (i64.const 0))))
    (local.get $x))
  (func $own (param i64) (result i64) (local.get 0))
  (table funcref (elem $own))
  (func (export "spin") (param $times i64) (result i64) (local $x i64)
    (loop $again
      (local.set $x (call_indirect (param i64) (result i64) (local.get $x) (i32.const 0)))
      (br_if $again (i64.ne (local.tee $times (i64.sub (local.get $times) (i64.const 1))) (i64.const 0))))
    (local.get $x)))"""
CALLS, FEWER_CALLS, MORE_CALLS = 2_000, 20, 50_000
"""How many calls a round makes: so few that some rounds are not disturbed; fewer of what takes long, more of what does
not."""
Timed = Callable[[], float]
"""Makes a number of calls, and says how many nanoseconds each took."""


def from_python(function: Callable[..., object], *arguments: object, calls: int = CALLS) -> Timed:
    """Calls by Python."""
    places = ", ".join(f"a{k}" for k in range(len(arguments)))
    parameters = ", ".join(filter(None, ["function", "clock", "times", places]))
    lines = [f"def measured({parameters}):", " began = clock()", f" for _ in times: function({places})"]
    names: dict[str, object] = {}
    exec("\n".join([*lines, f" return (clock() - began) / {calls}"]), names)
    measured: Callable[..., float] = names["measured"]  # type: ignore[assignment]
    return lambda: measured(function, time.perf_counter_ns, repeat(None, calls), *arguments)


def from_guest(loop: Callable[[int], object], calls: int = CALLS) -> Timed:
    """Calls by a guest's loop."""

    def run() -> float:
        began = time.perf_counter_ns()
        loop(calls)
        return (time.perf_counter_ns() - began) / calls

    return run


def same(x: int) -> int:
    """The host function."""
    return x


def jormun_exports(function: Callable[..., object]) -> jormun.Exports:
    """What an instance exports that imports this function, compiled by LLVM."""
    module = jormun.Module(WAT, config=jormun.Config(tier="optimizing"))
    return jormun.Instance(module, {"host": {"same": function}}).exports


def wasmtime_exports(function: Callable[[int], int]) -> dict[str, Callable[..., object]] | None:
    """The same there, if it is installed."""
    if find_spec("wasmtime") is None:
        return None
    import wasmtime

    store = wasmtime.Store()
    t = wasmtime.FuncType([wasmtime.ValType.i64()], [wasmtime.ValType.i64()])
    host = wasmtime.Func(store, t, function)
    exports = wasmtime.Instance(store, wasmtime.Module(store.engine, WAT), [host]).exports(store)

    def bound(name: str) -> Callable[..., object]:
        export = exports[name]
        return lambda *arguments: export(store, *arguments)

    return {name: bound(name) for name in ("add", "add_f64", "swap", "add_long", "ask", "spin")}


def c_functions() -> dict[str, Callable[..., object]]:
    """Functions of C, or compiled as such, that take and return an i64."""
    found: dict[str, Callable[..., object]] = {}
    labs = ctypes.CDLL(None).labs
    labs.argtypes, labs.restype = [ctypes.c_int64], ctypes.c_int64
    found["ctypes"] = labs
    if find_spec("cffi") is not None:
        import cffi

        ffi = cffi.FFI()
        ffi.cdef("long labs(long);")
        found["cffi"] = ffi.dlopen(None).labs
    if find_spec("numba") is not None:
        import numba

        found["numba"] = numba.cfunc("int64(int64)")(lambda x: x)
    return found


def rows() -> list[tuple[str, dict[str, Timed]]]:
    """What is measured: a name, and how each column does it."""
    ours, theirs = jormun_exports(same), wasmtime_exports(same)
    made: list[tuple[str, dict[str, Timed]]] = []
    for name, arguments in (
        ("add", (2, 3)), ("add_f64", (2.0, 3.0)), ("swap", (2, 3)), ("add_long", (2, 3)),
    ):  # fmt: skip
        columns = {"jormun": from_python(ours[name], *arguments)}
        if theirs is not None:
            columns["wasmtime"] = from_python(theirs[name], *arguments, calls=FEWER_CALLS)
        made.append((f"{name}{arguments} from Python", columns))
    made.append(("attribute: exports.add", {"jormun": attribute(ours)}))
    columns = {"jormun": from_guest(ours.ask)}
    if theirs is not None:
        columns["wasmtime"] = from_guest(theirs["ask"], FEWER_CALLS)
    made.append(("a Python function from a guest", columns))
    for name, function in c_functions().items():
        made.append(
            (f"a C function from a guest, by {name}", {"jormun": from_guest(jormun_exports(function).ask, MORE_CALLS)})
        )
    columns = {"jormun": from_guest(ours.spin, MORE_CALLS)}
    if theirs is not None:
        columns["wasmtime"] = from_guest(theirs["spin"], MORE_CALLS)
    made.append(("a guest's own function through a table", columns))
    return made


def attribute(exports: jormun.Exports) -> Timed:
    """Looking an export up."""
    return from_python(lambda: exports.add)


def main() -> None:
    """Measure in turn, and print the table."""
    parser = argparse.ArgumentParser(description="Compares calls between Python and WebAssembly.")
    parser.add_argument("--rounds", type=int, default=500, help="how often each is measured (default %(default)s)")
    rounds = parser.parse_args().rounds
    table = rows()
    empty = from_python(lambda: None)
    least: dict[tuple[str, str], float] = {}
    least_empty = empty()
    for _ in range(rounds):
        least_empty = min(least_empty, empty())
        for row, columns in table:
            for column, run in columns.items():
                least[row, column] = min(least.get((row, column), float("inf")), run())
    print(f"Python {platform.python_version()}, nanoseconds a call, least of {rounds} rounds")
    print(f"{'':44}{'jormun':>12}{'wasmtime':>12}")
    for row, columns in table:
        print(f"{row:44}" + "".join(f"{least[row, column]:12.1f}" for column in columns))
    print(f"A call of a Python function that does nothing takes {least_empty:.1f} ns, with its loop.")


if __name__ == "__main__":
    main()
