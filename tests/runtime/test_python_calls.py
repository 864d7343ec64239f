"""Calls that machine code converts: they must be what Python's own conversion (`Function.call`) says, to the bit."""

from __future__ import annotations

import gc
import math
import os
import struct
import sys
import threading
import weakref
from collections.abc import Callable
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jormun.errors import ExhaustionError, HostError, Trap, TrapKind, WasmError
from jormun.runtime.function import Function
from jormun.runtime.instance import Instance
from jormun.runtime.instantiation import instantiate
from jormun.runtime.limits import Limits
from jormun.runtime.linking import resolve
from jormun.runtime.store import Store
from jormun.types import I64, V128, FuncType
from tests.runtime.conftest import compiled

SAME = " ".join(f'(func (export "{t}") (param {t}) (result {t}) (local.get 0))' for t in ("i32", "i64", "f32", "f64"))


class Number(IntEnum):
    """An int of a class of its own."""

    SEVEN = 7


class Indexable:
    """What is an int and a float to Python, and notes that it was asked."""

    asked = 0

    def __index__(self) -> int:
        self.asked += 1
        return 5

    def __float__(self) -> float:
        self.asked += 1
        return 0.5


class Real(float):
    """A float of a class of its own, which lies about its value."""

    def __float__(self) -> float:
        return 99.0


class Whole(int):
    """An int of a class of its own, which lies about its value."""

    def __index__(self) -> int:
        return 99


EDGES = [
    edge + k for bits in (31, 32, 63, 64, 30, 60, 1023, 1024) for edge in (1 << bits, -1 << bits) for k in (-1, 0, 1)
]
VALUES: list[object] = [
    *EDGES, 0, 1, -1, True, False, Number.SEVEN, Whole(3), Real(2.5), 1.5, -0.0, math.inf, -math.inf, math.nan, 1e39,
    3.4028235677973366e38, 3.4028234663852886e38, 5e-324, 1e-46, -1.0, None, "1", b"1", [], 1j, object, 10**400,
]  # fmt: skip


@pytest.fixture(scope="module")
def same() -> Instance:
    """Functions that return what they are given."""
    module = compiled(f"(module {SAME})")
    return instantiate(Store(), module, ())


def outcome(call: Callable[..., object], *arguments: object) -> object:
    """What came of a call, in a form that can be compared: NaNs, zeros and exceptions too."""
    try:
        result = call(*arguments)
    except Exception as error:
        return type(error), str(error)
    return type(result), struct.pack("<d", result) if isinstance(result, float) else result


@pytest.mark.parametrize("name", ["i32", "i64", "f32", "f64"])
def test_arguments_are_converted_as_by_python(same: Instance, name: str) -> None:
    """Results, errors and their words."""
    function = same.exports[name]
    for value in VALUES:
        assert outcome(function, value) == outcome(function.call, value), repr(value)


@given(st.sampled_from(["i32", "i64", "f32", "f64"]), st.integers() | st.floats() | st.integers(-(2**65), 2**65))
def test_any_numbers_are_converted_as_by_python(same: Instance, name: str, value: float) -> None:
    """The same for numbers of any size."""
    function = same.exports[name]
    assert outcome(function, value) == outcome(function.call, value)


def test_objects_are_asked_once(same: Instance) -> None:
    """What has code of its own that says its value is asked by Python alone, even if a later argument is wrong."""
    for name, expected in (("i32", 5), ("i64", 5), ("f32", 0.5), ("f64", 0.5)):
        number = Indexable()
        assert same.exports[name](number) == expected
        assert number.asked == 1


def test_number_of_arguments_and_keywords(same: Instance) -> None:
    """TypeErrors that name the function, however it is called."""
    function = same.exports["i64"]
    for arguments in ((), (1, 2), (1, 2, 3)):
        with pytest.raises(TypeError, match=rf"i64\(\) takes 1 positional argument but {len(arguments)} were given"):
            function(*arguments)
    with pytest.raises(TypeError, match=r"i64\(\) takes no keyword arguments"):
        function(x=1)
    with pytest.raises(TypeError, match=r"i64\(\) takes no keyword arguments"):
        function(1, y=2)


@pytest.mark.parametrize("count", [1, 5, 6, 7, 16, 21, 22, 23, 40, 1000])
def test_many_parameters(make, count: int) -> None:
    """In registers, in the overflow area, and more than machine code takes; all find their places."""
    types = [("i32", "i64", "f32", "f64")[k % 4] for k in range(count)]
    body = "(local.get 0)" if count == 1 else ""
    for k, t in enumerate(types if count > 1 else ()):
        convert = {"i32": "i64.extend_i32_s", "i64": "", "f32": "i64.trunc_f32_s", "f64": "i64.trunc_f64_s"}[t]
        term = f"({convert} (local.get {k}))" if convert else f"(local.get {k})"
        term = f"(i64.mul {term} (i64.const {k + 1}))"
        body = f"(i64.add {body} {term})" if body else term
    result = "i64" if count > 1 else "i32"
    f = make(f'(module (func (export "f") (param {" ".join(types)}) (result {result}) {body}))').exports["f"]
    values = [k % 100 + 1 for k in range(count)]
    assert f(*values) == f.call(*values) == sum(v * (k + 1 if count > 1 else 1) for k, v in enumerate(values))


@pytest.mark.parametrize("count", [0, 1, 2, 5, 16, 17, 100])
def test_many_results(make, count: int) -> None:
    """None, a value, or a tuple."""
    types = [("i32", "i64", "f32", "f64")[k % 4] for k in range(count)]
    body = " ".join(f"({t}.const {k})" for k, t in enumerate(types))
    f = make(f'(module (func (export "f") (result {" ".join(types)}) {body}))').exports["f"]
    expected = tuple(range(count)) if count > 1 else 0 if count else None
    assert f() == f.call() == expected
    if count > 1:
        assert [type(value) for value in f()] == [int if t[0] == "i" else float for t in types]


CALL_HOST = """(module
  (import "env" "f" (func $f (param i32 i64 f32 f64) (result {result})))
  (func (export "f") (param i32 i64 f32 f64) (result {result})
    (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3))))"""


@pytest.mark.parametrize("result", ["i32", "i64", "f32", "f64"])
def test_results_of_the_host_are_converted_as_by_python(make, same: Instance, result: str) -> None:
    """What an argument of this type may be, a result may be; errors are HostErrors with the same words."""
    returned: list[object] = []
    seen: list[object] = []

    def host(*arguments: object) -> object:
        seen.append(arguments)
        return returned[-1]

    f = make(CALL_HOST.format(result=result), {"env": {"f": host}}).exports["f"]
    for value in VALUES:
        returned.append(value)
        expected = outcome(same.exports[result].call, value)
        if isinstance(expected, tuple) and expected[0] in (TypeError, OverflowError):
            words = str(expected[1]).partition(": ")[2].rpartition(" (its type is")[0]
            with pytest.raises(HostError, match="host function f returned what is not") as raised:
                f(-1, -(2**63), -0.0, math.inf)
            assert words and words in str(raised.value)
        else:
            assert outcome(f, -1, -(2**63), -0.0, math.inf) == expected, repr(value)
        assert seen[-1] == (-1, -(2**63), 0.0, math.inf)
        assert math.copysign(1, seen[-1][2]) == -1  # type: ignore[index]


def test_results_of_the_host_in_number(make) -> None:
    """None for none, a tuple or list of the right length for more."""
    returned: list[object] = [None]
    imports = {"env": {"f": lambda: returned[-1], "g": lambda: returned[-1]}}
    exports = make(
        """(module (import "env" "f" (func $f)) (import "env" "g" (func $g (result i32 f64)))
        (func (export "f") (call $f)) (func (export "g") (result i32 f64) (call $g)))""",
        imports,
    ).exports
    assert exports["f"]() is None
    returned.append((3, 4))
    assert exports["g"]() == (3, 4.0)
    returned.append([3, 4])
    assert exports["g"]() == (3, 4.0)
    with pytest.raises(HostError, match="host function f has no results, it returned list"):
        exports["f"]()
    returned.append((3,))
    with pytest.raises(HostError, match="host function g has 2 results, it returned 1"):
        exports["g"]()
    returned.append(3)
    with pytest.raises(HostError, match="host function g has 2 results, it returned int, not a tuple"):
        exports["g"]()


def test_functions_are_objects_like_others(make) -> None:
    """Attributes, weak references, comparison; what is held is given back, cycles too."""
    instance = make(f"(module {SAME})")
    function = instance.exports["i32"]
    function.note = [function]
    assert vars(function) == {"note": [function]}
    assert function == function and function != instance.exports["i64"] and len({function, function}) == 1
    assert list(map(function, [1, 2])) == [1, 2]
    assert isinstance(function, Function) and "like any other" in (Function.__doc__ or "")
    gone = weakref.ref(function)
    instance._exports = None
    del function
    gc.collect()
    assert gone() is None
    with pytest.raises(TypeError):
        Function.__new__(Function)(1)


def test_nothing_leaks(make) -> None:
    """Calls, failing ones too, leave no objects behind, and the counts of those that take part as they were."""

    def host(x: int) -> object:
        return x if x % 3 else "odd"

    instance = make(
        """(module (import "env" "f" (func $f (param i64) (result i64)))
        (func (export "f") (param i64 f64) (result i64 f64) (call $f (local.get 0)) (local.get 1))
        (func (export "trap") unreachable))""",
        {"env": {"f": host}},
    )
    f, trap, store = instance.exports["f"], instance.exports["trap"], instance.store

    def run(count: int) -> None:
        for k in range(count):
            outcome(f, k << 40, 0.5)
            outcome(f, "x", 0.5)
            if k % 10 == 0:
                outcome(trap)

    run(2000)
    gc.collect()
    before = sys.getallocatedblocks(), sys.getrefcount(host), sys.getrefcount(store.owned), sys.getrefcount(None)
    run(20_000)
    gc.collect()
    after = sys.getallocatedblocks(), sys.getrefcount(host), sys.getrefcount(store.owned), sys.getrefcount(None)
    assert abs(after[0] - before[0]) < 1000
    assert after[1:3] == before[1:3]
    assert abs(after[3] - before[3]) < 1000


def test_store_closed_in_the_middle_of_a_call(make) -> None:
    """The call ends as if nothing had been; the next is refused."""
    instance = make(
        """(module (import "env" "f" (func $f)) (memory 1)
        (func (export "g") (result i32) (call $f) (i32.load8_u (i32.const 0))))""",
        {"env": {"f": lambda: (store.close(), gc.collect(), None)[2]}},
    )
    g, store = instance.exports["g"], instance.store
    assert g() == 0
    with pytest.raises(WasmError, match="the store is closed"):
        g()


def test_last_reference_dropped_in_the_middle_of_a_call() -> None:
    """By a function of the host: what runs goes on, and is freed behind it."""
    held: dict[str, object] = {}
    freed = []

    def drop() -> None:
        held.clear()
        gc.collect()
        freed.append(gone() is None)

    store = Store()
    module = compiled("""(module (import "env" "f" (func $f)) (memory 1)
      (func (export "g") (result i32) (call $f) (i32.load8_u (i32.const 0))))""")
    instance = instantiate(store, module, resolve(module.blueprint, {"env": {"f": drop}}, store))
    held["g"] = instance.exports["g"]
    gone = weakref.ref(store)
    del store, instance, module
    assert held["g"]() == 0  # type: ignore[operator]
    gc.collect()
    assert freed == [False] and gone() is None


def test_guest_and_host_recurse_to_an_end(make) -> None:
    """Through machine code alone: the host function is the guest's own, bound by Python's C code."""
    exports: dict[str, Function] = {}
    instance = make(
        """(module (import "env" "f" (func $f (param i64) (result i64)))
        (func (export "g") (param i64) (result i64)
          (if (i64.eqz (local.get 0)) (then (return (i64.const 0))))
          (i64.add (call $f (i64.sub (local.get 0) (i64.const 1))) (i64.const 1))))""",
        {"env": {"f": lambda x: exports["g"](x)}},
    )
    exports.update(instance.exports)
    assert exports["g"](50) == 50
    with pytest.raises((RecursionError, ExhaustionError)):
        exports["g"](1 << 40)
    assert exports["g"](50) == 50


def test_traps_name_functions_and_nest(make) -> None:
    """Kind and backtrace, of functions that keep the GIL as of those that do not."""
    exports = make("""(module (memory 1)
      (func (export "short") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
      (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "long") (param i32) (result i32) (loop) (i32.div_s (i32.const 1) (local.get 0))))""").exports
    for name, kind in (
        ("short", TrapKind.INTEGER_DIVIDE_BY_ZERO), ("load", TrapKind.MEMORY_OUT_OF_BOUNDS),
        ("long", TrapKind.INTEGER_DIVIDE_BY_ZERO),
    ):  # fmt: skip
        for _ in range(3):
            with pytest.raises(Trap) as trapped:
                exports[name](-1 if name == "load" else 0)
            assert trapped.value.kind is kind
            assert [frame.function_name for frame in trapped.value.backtrace] == [name]
            assert exports[name](1) is not None


def test_threads_call_at_once(make) -> None:
    """The same functions, each thread for the first time."""
    exports = make(
        """(module (import "env" "f" (func $f (param i64) (result i64)))
        (func (export "add") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
        (func (export "f") (param i64) (result i64) (call $f (local.get 0))))""",
        {"env": {"f": lambda x: exports["add"](x, 1)}},
    ).exports
    wrong: list[object] = []

    def run(n: int) -> None:
        for k in range(3000):
            if exports["add"](k, n) != k + n or exports["f"](k) != k + 1:
                wrong.append((k, n))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_calls_in_a_forked_process(same: Instance) -> None:
    """The child calls on."""
    function = same.exports["i64"]
    assert function(1) == 1
    child = os.fork()
    if child == 0:
        os._exit(0 if function(2) == 2 and outcome(function, "x") == outcome(function.call, "x") else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_time_limits_hold() -> None:
    """Calls of a store with a time limit go through Python, which keeps it; short ones come back as ever."""
    module = compiled(f'(module {SAME} (func (export "spin") (loop (br 0))))')
    module.compile_all()
    instance = instantiate(Store(limits=Limits(timeout=0.1)), module, ())
    assert instance.exports["i64"](5) == 5
    with pytest.raises(TimeoutError):
        instance.exports["spin"]()


def test_python_calls_host_functions(store: Store) -> None:
    """A host function is a function like others, for values that are not plain, too."""
    double = store.host_function(FuncType((I64,), (I64,)), lambda x: 2 * x, "double")
    assert double(21) == 42
    vector = store.host_function(FuncType((V128,), (V128,)), lambda x: x[::-1], "reverse")
    assert vector(bytes(range(16))) == bytes(range(15, -1, -1))
    with pytest.raises(TypeError, match=r"reverse\(\) argument 1: v128 needs 16 bytes, not int"):
        vector(1)
