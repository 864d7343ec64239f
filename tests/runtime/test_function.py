"""Calling functions from Python, and Python from guests."""

from __future__ import annotations

import inspect
import math

import pytest

from jormun.errors import ExhaustionError, Trap, TrapKind
from jormun.runtime.function import Function
from jormun.runtime.store import Store
from jormun.types import F32, F64, I32, I64, V128, FuncType, NumType

ALL = FuncType((I32, I64, F32, F64, V128), (V128, F64, F32, I64, I32))


def test_all_types_there_and_back(make) -> None:
    """Values of every type cross into guests and out, in any number."""
    swap = make("""(module (func (export "swap") (param i32 i64 f32 f64 v128) (result v128 f64 f32 i64 i32)
      (local.get 4) (local.get 3) (local.get 2) (local.get 1) (local.get 0)))""").exports["swap"]
    vector = bytes(range(16))
    assert swap.call(-1, 2**63, 0.5, math.inf, vector) == (vector, math.inf, 0.5, -(2**63), -1)


def test_bits_keep_nans(make) -> None:
    """call_bits gives a NaN's payload and sign, which Python's floats may lose."""
    same = make('(module (func (export "f") (param f32 f64) (result f64 f32) (local.get 1) (local.get 0)))').exports[
        "f"
    ]
    assert same.call_bits([0xFFA0_0001, 0x7FF4_0000_0000_0001]) == [0x7FF4_0000_0000_0001, 0xFFA0_0001]


def test_host_functions_called_by_python_and_guests(make, store: Store) -> None:
    """The same function, with Python values, from both."""
    seen = []

    def reverse(*args: object) -> tuple[object, ...]:
        seen.append(args)
        return args[::-1]

    host = Function.host(store, ALL, reverse)
    instance = make(
        f"""(module (import "env" "f" (func $f (param {" ".join(map(str, ALL.params))})
        (result {" ".join(map(str, ALL.results))})))
        (func (export "g") (param i32 i64 f32 f64 v128) (result v128 f64 f32 i64 i32)
        (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4))))""",
        {"env": {"f": host}},
    )
    args = (-5, 6, 0.25, 1e300, bytes(16))
    assert host.call(*args) == instance.exports["g"].call(*args) == args[::-1]
    assert seen == [args, args]
    assert host.__name__ == "reverse"


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((), TypeError, r"add\(\) takes 2 positional arguments but 0 were given"),
        ((1, 2, 3), TypeError, r"add\(\) takes 2 positional arguments but 3 were given"),
        ((1, "2"), TypeError, r"add\(\) argument 2: i64 needs an int, not str"),
        ((1 << 32, 2), OverflowError, r"add\(\) argument 1: 4294967296 is out of range for i32"),
    ],
)
def test_arguments_are_checked(make, args: tuple[object, ...], error: type[Exception], message: str) -> None:
    """Number, types and ranges; the error names the function and the argument."""
    add = make('(module (func (export "add") (param i32 i64)))').exports["add"]
    with pytest.raises(error, match=message):
        add(*args)
    with pytest.raises(TypeError, match="keyword"):
        add(1, b=2)


def test_functions_describe_themselves(make) -> None:
    """Name, docstring and signature, as those of Python's functions."""
    exports = make("""(module (func $inner (export "outer") (param i32 f64) (result i64) (i64.const 0))
      (func (export "none")) (func (export "two") (result i32 i32) (i32.const 0) (i32.const 0)))""").exports
    outer = exports["outer"]
    assert (outer.__name__, outer.__qualname__) == ("outer", "outer")
    assert str(inspect.signature(outer)) == "(param0: i32, param1: f64, /) -> i64"
    assert str(inspect.signature(exports["none"])) == "() -> None"
    assert str(inspect.signature(exports["two"])) == "() -> (i32, i32)"
    assert inspect.getdoc(outer) == "outer: a WebAssembly function of type [i32 f64] -> [i64]"
    assert repr(outer) == "<WebAssembly function outer: [i32 f64] -> [i64]>"
    assert callable(outer)


def test_exceptions_of_the_host_pass_through(make) -> None:
    """The very exception, with the traceback of where it was raised; the instance lives on."""
    problem = LookupError("from the host")

    def fail() -> None:
        raise problem

    exports = make(
        """(module (import "env" "fail" (func $fail)) (func (export "f") (call $fail))
        (func (export "g") (result i32) (i32.const 1)))""",
        {"env": {"fail": fail}},
    ).exports
    with pytest.raises(LookupError) as raised:
        exports["f"].call()
    assert raised.value is problem
    assert raised.traceback[-1].name == "fail"
    assert exports["g"].call() == 1


def test_guests_and_host_nest(make) -> None:
    """A host function may call guests, to some depth, and traps inside come out."""
    exports: dict[str, Function] = {}

    def back(n: int) -> int:
        return exports["f"].call(n - 1)

    exports.update(
        make(
            """(module (import "env" "back" (func $back (param i32) (result i32)))
            (func (export "f") (param i32) (result i32)
              (if (i32.eqz (local.get 0)) (then unreachable))
              (if (i32.eq (local.get 0) (i32.const 100)) (then (return (i32.const 7))))
              (i32.add (call $back (local.get 0)) (i32.const 1))))""",
            {"env": {"back": back}},
        ).exports
    )
    assert exports["f"].call(110) == 17
    with pytest.raises(Trap) as trapped:
        exports["f"].call(10)
    assert trapped.value.kind is TrapKind.UNREACHABLE


def test_recursion_exhausts_the_stack_and_no_more(make) -> None:
    """An ExhaustionError, and the function can be called again."""
    f = make("""(module (func $f (export "f") (param i32) (result i32)
      (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (local.get 0))))
      (i32.sub (call $f (i32.sub (local.get 0) (i32.const 1)))
               (call $f (i32.sub (local.get 0) (i32.const 2))))))""").exports["f"]
    with pytest.raises(ExhaustionError, match="call stack exhausted"):
        f.call(-1)
    assert [f.call(k) for k in range(8)] == [0, 1, 1, 0, -1, -1, 0, 1]


def test_references_cross(make) -> None:
    """Objects of the host keep their identity, null is None, functions are functions."""
    exports = make("""(module (func (export "extern") (param externref) (result externref) (local.get 0))
      (func (export "func") (param funcref) (result funcref) (local.get 0)))""").exports
    thing = object()
    assert exports["extern"].call(thing) is thing
    assert exports["extern"].call(None) is None
    assert exports["func"].call(exports["extern"]) is exports["extern"]
    assert exports["func"].call(None) is None
    with pytest.raises(TypeError, match="needs a WebAssembly function"):
        exports["func"].call(print)


def test_traps_name_functions(make) -> None:
    """The backtrace has the names of the name section, innermost first."""
    f = make("""(module (memory 1) (func $inner unreachable)
      (func $outer (export "f") (result i32) (call $inner) (memory.grow (i32.const 1))))""").exports["f"]
    with pytest.raises(Trap) as trapped:
        f.call()
    assert [frame.function_index for frame in trapped.value.backtrace] == [0, 1]
    assert trapped.value.backtrace[1].function_name in ("outer", "f")


NINE = FuncType((I32, I64) * 4 + (I32,), (I32,))


@pytest.mark.parametrize("result", [I32, I64])
def test_bits_of_host_functions(make, store: Store, result: NumType) -> None:
    """Arguments arrive unsigned, however many there are, and the result goes back as it is."""
    seen = []

    def note(*args: int) -> int:
        seen.append(args)
        return (1 << result.bits) - 2

    func_type = FuncType(NINE.params, (result,))
    host = Function.host_bits(store, func_type, note, pytest.fail, "note")
    values = (-1, -(2**63), 2**31 - 1, 5, 0, -7, 3, 2**63 - 1, -(2**31))
    instance = make(
        f"""(module (import "env" "f" (func $f (param {" ".join(map(str, NINE.params))}) (result {result})))
        (func (export "g") (param {" ".join(map(str, NINE.params))}) (result {result})
          {" ".join(f"(local.get {k})" for k in range(9))} (call $f)))""",
        {"env": {"f": host}},
    )
    for call in (instance.exports["g"].call, host.call):
        assert call(*values) == -2
    expected = tuple(value % (1 << t.bits) for value, t in zip(values, NINE.params, strict=True))
    assert seen == [expected, expected]


def test_errors_in_bits_of_host_functions(make, store: Store) -> None:
    """`failed` makes the result of a call that raised, or lets the exception through; signals' exceptions pass."""

    def fail(number: int) -> int:
        raise (KeyError, ValueError, KeyboardInterrupt)[number]

    def failed(error: Exception) -> int:
        if isinstance(error, KeyError):
            return 42
        raise error

    host = Function.host_bits(store, FuncType((I32,), (I32,)), fail, failed, "fail")
    call = make(
        """(module (import "env" "f" (func $f (param i32) (result i32)))
        (func (export "g") (param i32) (result i32) (call $f (local.get 0))))""",
        {"env": {"f": host}},
    ).exports["g"]
    assert call(0) == 42
    for number, kind in ((1, ValueError), (2, KeyboardInterrupt)):
        with pytest.raises(kind):
            call(number)
