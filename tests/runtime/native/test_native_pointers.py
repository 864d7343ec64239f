"""C functions that guests call directly: what is taken for one, and that they run as if Python had called them."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from ctypes import c_double, c_float, c_int32, c_int64, c_uint32, c_uint64, c_void_p

import pytest

from jormun.errors import Trap, TrapKind
from jormun.runtime.native.calls import Signature
from jormun.runtime.native.pointers import pointer_of
from tests.runtime.conftest import Make, make, store  # noqa: F401

WAT = """(module (import "env" "f" (func $f (param {params}) (result {result}))) (memory 1)
  (func (export "f") (param {params}) (result {result}) {arguments} (call $f))
  (func (export "spin") (param {params}) (loop (drop {arguments} (call $f)) (br 0))))"""


@pytest.fixture
def call(make: Make) -> Callable[..., object]:  # noqa: F811
    """Calls a guest's function that calls a host function of this type."""

    def through(function: object, params: str, result: str) -> dict[str, Callable[..., object]]:
        arguments = " ".join(f"(local.get {k})" for k in range(len(params.split())))
        text = WAT.format(params=params, result=result, arguments=arguments)
        instance = make(text, {"env": {"f": function}})
        instance.compiled.compile_all()
        return instance.exports

    return through


def prototype(result: object, *params: object) -> Callable[[Callable[..., object]], object]:
    """A type of function pointers."""
    return ctypes.CFUNCTYPE(result, *params)


def abs_() -> ctypes._CFuncPtr:  # type: ignore[name-defined]
    """The C library's, with a declared type."""
    function = ctypes.CDLL(None).labs
    function.argtypes, function.restype = [c_int64], c_int64
    return function


def test_types_of_ctypes() -> None:
    """The widths say it, not the signs; what says no type, or is more than a call, is none."""
    pointer = pointer_of(abs_())
    assert pointer is not None and pointer.signature == Signature("l", "l")
    assert pointer.address == ctypes.cast(abs_(), c_void_p).value
    mixed = prototype(c_float, c_uint32, c_uint64, c_float, c_double)(lambda *a: 0.0)
    found = pointer_of(mixed)
    assert found is not None and found.signature == Signature("ilfd", "f")
    nothing = pointer_of(prototype(None)(lambda: None))
    assert nothing is not None and nothing.signature == Signature("", "")
    checked = abs_()
    checked.errcheck = lambda result, function, arguments: result
    for other in (
        ctypes.CDLL(None).llabs, checked, ctypes.pythonapi.Py_IncRef, ctypes.CFUNCTYPE(c_int64, c_void_p)(0),
        prototype(c_int64, ctypes.c_int16)(lambda x: x), prototype(ctypes.c_char_p)(lambda: None), abs, 5, None,
        ctypes.CFUNCTYPE(c_int64, c_int64, use_errno=True)(lambda x: x), ctypes.CFUNCTYPE(c_int64, c_int64)(),
    ):  # fmt: skip
        assert pointer_of(other) is None


def test_called_with_all_kinds_of_values(call) -> None:
    """Each argument finds its place, the last integer in the overflow area, and results come back."""
    assert call(abs_(), "i64", "i64")["f"](-5) == 5
    seen = []

    def note(*arguments: object) -> float:
        seen.append(arguments)
        return 0.5

    types = [c_int32, c_int64] * 3 + [c_float, c_double] * 4
    words = " ".join(["i32 i64"] * 3 + ["f32 f64"] * 4)
    values = (-1, -(2**63), 2, 3, -4, 2**62, *(k + 0.5 for k in range(8)))
    assert call(prototype(c_double, *types)(note), words, "f64")["f"](*values) == 0.5
    assert seen == [values]
    assert call(prototype(c_float, c_float)(lambda x: x), "f32", "f32")["f"](1.25) == 1.25
    assert call(prototype(c_int32, c_uint32)(lambda x: x >> 1), "i32", "i32")["f"](-1) == 2**31 - 1


def test_more_than_registers_or_another_type(call) -> None:
    """Python calls those, by ctypes."""
    many = prototype(c_int64, *[c_int64] * 7)(lambda *a: sum(a))
    assert call(many, " ".join(["i64"] * 7), "i64")["f"](1, 2, 3, 4, 5, 6, 7) == 28
    assert call(abs_(), "i32", "i64")["f"](-5) == 5


def test_it_may_call_python_and_guests(call) -> None:
    """It runs without the GIL, on the host's stack: a callback takes the one, and guests begin where they should."""
    exports: dict[str, Callable[..., object]] = {}

    def back(x: int) -> int:
        return exports["f"](x - 1) + 1 if x else 0  # type: ignore[operator]

    exports.update(call(prototype(c_int64, c_int64)(back), "i64", "i64"))
    assert exports["f"](40) == 40
    trap = call(lambda x: exports["f"](x), "i64", "i64")
    assert trap["f"](3) == 3


def test_others_run_meanwhile_and_it_can_be_stopped(call, store) -> None:  # noqa: F811
    """A guest that does nothing but call C ends when it is to."""
    exports = call(abs_(), "i64", "i64")
    timer = threading.Timer(0.05, store.interrupt)
    timer.start()
    with pytest.raises(Trap) as trapped:
        exports["spin"](1)
    assert trapped.value.kind is TrapKind.INTERRUPTED
    sleep = ctypes.CDLL(None).usleep
    sleep.argtypes, sleep.restype = [c_uint32], c_int32
    exports = call(sleep, "i32", "i32")
    threading.Timer(0.05, store.interrupt).start()
    with pytest.raises(Trap) as trapped:
        exports["spin"](2000)
    assert trapped.value.kind is TrapKind.INTERRUPTED
    assert [frame.function_index for frame in trapped.value.backtrace] == [2]
    began = time.monotonic()
    exports["f"](1000)
    assert time.monotonic() > began


def test_cffi(call) -> None:
    """Function pointers with a declared type, of any library."""
    cffi = pytest.importorskip("cffi")
    ffi = cffi.FFI()
    ffi.cdef("long labs(long); double fabs(double); int printf(const char *, ...); size_t strlen(const char *);")
    library = ffi.dlopen(None)
    assert pointer_of(library.labs).signature == Signature("l", "l")
    assert pointer_of(library.printf) is pointer_of(library.strlen) is pointer_of(ffi.new("int *")) is None
    assert call(library.labs, "i64", "i64")["f"](-7) == 7
    assert call(library.fabs, "f64", "f64")["f"](-7.5) == 7.5


def test_numba(call) -> None:
    """What @cfunc made."""
    numba = pytest.importorskip("numba")
    double = numba.cfunc("int64(int64)")(lambda x: 2 * x)
    assert pointer_of(double).signature == Signature("l", "l")
    assert call(double, "i64", "i64")["f"](21) == 42
