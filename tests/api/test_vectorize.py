"""WebAssembly functions as NumPy's ufuncs."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable

import pytest

import jormun

np = pytest.importorskip("numpy")

NUMBERS = """(module
  (import "host" "log" (func $log (param i32)))
  (memory (export "memory") 1)
  (global $calls (export "calls") (mut i32) (i32.const 0))
  (func $square (param f64) (result f64) (f64.mul (local.get 0) (local.get 0)))
  (func (export "poly") (param f64) (result f64) (f64.add (call $square (local.get 0)) (f64.const 1)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "mix") (param f64 f64) (result f64) (f64.sub (f64.mul (local.get 0) (f64.const 3)) (local.get 1)))
  (func (export "halve") (param f32) (result f32) (f32.mul (local.get 0) (f32.const 0.5)))
  (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "divmod") (param i64 i64) (result i64 i64)
    (i64.div_u (local.get 0) (local.get 1)) (i64.rem_u (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (result i32) (i32.store (local.get 0) (local.get 1)) (local.get 1))
  (func (export "count") (param i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1))) (local.get 0))
  (func (export "logged") (param i32) (result i32) (call $log (local.get 0)) (local.get 0))
  (func (export "collatz") (param $x i32) (result i32) (local $n i32)
    (block $out (loop $again
      (br_if $out (i32.le_s (local.get $x) (i32.const 1)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (local.set $x (if (result i32) (i32.and (local.get $x) (i32.const 1))
        (then (i32.add (i32.mul (local.get $x) (i32.const 3)) (i32.const 1)))
        (else (i32.shr_s (local.get $x) (i32.const 1)))))
      (br $again)))
    (local.get $n))
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "spin") (param i32) (result i32) (loop $l (br $l)) (unreachable))
  (func (export "nothing") (param i32))
  (func (export "constant") (result i32) (i32.const 1))
  (func (export "vector") (param v128) (result i32) (i32.const 1))
  (func (export "reference") (param externref) (result i32) (i32.const 1))
)"""


@pytest.fixture(scope="module")
def logged() -> list[int]:
    return []


@pytest.fixture(scope="module")
def instance(logged: list[int]) -> jormun.Instance:
    return jormun.load(NUMBERS, {"host": {"log": logged.append}})


@pytest.fixture(scope="module")
def vectorized(instance: jormun.Instance) -> Callable[[str], np.ufunc]:
    made: dict[str, np.ufunc] = {}

    def get(name: str) -> np.ufunc:
        if name not in made:
            made[name] = jormun.vectorize(instance.exports[name])
        return made[name]

    return get


Get = Callable[[str], "np.ufunc"]


def test_it_is_a_ufunc(vectorized: Get) -> None:
    """With the function's name and documentation."""
    poly = vectorized("poly")
    assert isinstance(poly, np.ufunc)
    assert (poly.nin, poly.nout, poly.types, poly.__name__) == (1, 1, ["d->d"], "poly")
    assert "a WebAssembly function of type [f64] -> [f64]" in poly.__doc__


@pytest.mark.parametrize("size", [0, 1, 7, 8, 100, 10_001, 3_000_000])
def test_any_number_of_elements(vectorized: Get, size: int) -> None:
    """Also more than are computed at once on the host's stack."""
    x = np.linspace(-3, 3, size)
    assert np.array_equal(vectorized("poly")(x), x * x + 1)


def test_arrays_of_all_steps(vectorized: Get) -> None:
    """Whole arrays, numbers, every second element, backwards, columns, broadcast rows."""
    mix = vectorized("mix")
    x = np.arange(240.0).reshape(12, 20)
    y = np.arange(240.0, 0, -1).reshape(12, 20)
    for a, b in (
        (x, y), (x, 2.0), (2.0, x), (x[::2], y[::-2]), (x.T, y.T), (x.T, 5.0), (x, y[0]), (x[:, :1], y[:1]),
        (x[:, 1:4], y[:, 7:10]), (np.float64(1), np.float64(2)), (x, np.asfortranarray(y)), (x[3, ::-1], x[3]),
    ):  # fmt: skip
        assert np.array_equal(mix(a, b), np.multiply(a, 3) - b)


def test_outputs_that_overlap_inputs(vectorized: Get) -> None:
    """As with NumPy's own: as if inputs had been copied."""
    mix = vectorized("mix")
    for out, a, b in (
        (slice(0, 50), slice(0, 50), slice(0, 50)),
        (slice(1, 51), slice(0, 50), slice(2, 52)),
        (slice(0, 50), slice(1, 51), slice(0, 50)),
        (slice(0, 50), slice(49, None, -1), slice(0, 50)),
    ):
        x = np.arange(60.0)
        expected = x[a] * 3 - x[b]
        assert np.array_equal(mix(x[a], x[b], out=x[out]), expected)
        assert np.array_equal(x[out], expected)


def test_out_and_where(vectorized: Get) -> None:
    """What is masked keeps its value."""
    x = np.arange(10.0)
    out = np.full(10, -1.0)
    assert vectorized("poly")(x, out=out, where=x > 4) is out
    assert np.array_equal(out, np.where(x > 4, x * x + 1, -1))
    with pytest.raises(ValueError, match="broadcast"):
        vectorized("poly")(x, out=np.zeros(9))
    with pytest.raises(TypeError, match="Cannot cast ufunc"):
        vectorized("poly")(x, out=np.zeros(10, "i4"))


def test_reductions(vectorized: Get, instance: jormun.Instance) -> None:
    """reduce, accumulate, outer, at and reduceat."""
    mix, x = vectorized("mix"), np.array([1.0, 2, 3, 4, 5])
    assert mix.reduce(x) == (((1 * 3 - 2) * 3 - 3) * 3 - 4) * 3 - 5
    assert np.array_equal(mix.accumulate(x), [1, 1, 0, -4, -17])
    assert np.array_equal(mix.outer(x, x), x[:, None] * 3 - x)
    assert np.array_equal(mix.reduceat(x, [0, 2]), [1, 10])
    assert np.array_equal(mix.reduce(np.stack([x, x])), x * 2)
    add = jormun.vectorize(instance.exports.add, identity=0)
    y = np.arange(1000, dtype="i4")
    assert add.reduce(y) == y.sum() and add.reduce(y[:0]) == 0
    assert np.array_equal(add.accumulate(y), np.add.accumulate(y))
    add.at(y, [1, 1, 1], np.int32(5))
    assert y[1] == 16


def test_dtypes(vectorized: Get) -> None:
    """Safe casts happen; unsigned integers stay unsigned; all else is refused, as NumPy does."""
    add, poly, halve = vectorized("add"), vectorized("poly"), vectorized("halve")
    i4, u4 = np.array([2**31 - 1, -1], "i4"), np.array([2**31, 2**32 - 1], "u4")
    assert add(i4, np.int16(1)).dtype == np.int32 and add(u4, np.uint32(0)).dtype == np.uint32
    assert np.array_equal(add(i4, 1), [-(2**31), 0]) and np.array_equal(add(u4, u4), [0, 2**32 - 2])
    assert poly(np.arange(3)).dtype == np.float64
    assert halve(np.float32(3)) == 1.5 and halve(np.arange(3, dtype="f4")).dtype == np.float32
    assert np.array_equal(halve(np.arange(3.0), casting="same_kind", signature="f->f"), [0, 0.5, 1])
    for wrong in (np.arange(3), np.arange(3.0), np.array(["a"]), np.array([1j])):
        with pytest.raises(TypeError, match="not supported for the input types"):
            add(wrong, wrong)
    with pytest.raises(TypeError, match="not supported for the input types"):
        poly(np.array(["a"]))


def test_arguments_are_counted(vectorized: Get) -> None:
    """As for any ufunc."""
    with pytest.raises(TypeError, match="takes from 2 to 3 positional arguments"):
        vectorized("mix")(1.0)


def test_byte_order_and_alignment(vectorized: Get) -> None:
    """NumPy copies what the loop could not read."""
    x = np.arange(100.0)
    packed = np.zeros(100, np.dtype([("a", "u1"), ("x", "f8")]))
    packed["x"] = x
    assert np.array_equal(vectorized("poly")(packed["x"]), x * x + 1)
    assert np.array_equal(vectorized("poly")(x.astype(">f8")), x * x + 1)


def test_several_results(vectorized: Get) -> None:
    """Several arrays."""
    x = np.arange(100)
    quotient, rest = vectorized("divmod")(x, 7)
    assert np.array_equal(quotient, x // 7) and np.array_equal(rest, x % 7)
    assert vectorized("divmod").types == ["ll->ll", "LL->LL"]


def test_many_parameters() -> None:
    """More than there are registers for."""
    params = "f64 " * 10 + "i64 " * 8
    sums = "".join(f"(local.set 0 (f64.add (local.get 0) (local.get {k})))" for k in range(1, 10))
    sums += "".join(f"(local.set 0 (f64.add (local.get 0) (f64.convert_i64_s (local.get {k}))))" for k in range(10, 18))
    wide = jormun.vectorize(
        jormun.load(f'(module (func (export "f") (param {params}) (result f64) {sums} (local.get 0)))').exports.f
    )
    columns = [np.arange(50.0) * k for k in range(10)] + [np.arange(50) * k for k in range(8)]
    assert np.array_equal(wide(*columns), np.sum(columns, axis=0))


def test_loops_calls_and_recursion(vectorized: Get) -> None:
    """Functions that may run long run as guests."""
    assert vectorized("collatz")(np.arange(1, 8, dtype="i4")).tolist() == [0, 1, 7, 2, 5, 8, 16]
    assert vectorized("fib")(np.arange(12, dtype="i4")).tolist() == [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89]


def test_memory_globals_and_host(vectorized: Get, instance: jormun.Instance, logged: list[int]) -> None:
    """The function has its instance."""
    addresses = np.arange(0, 400, 4, dtype="i4")
    vectorized("store")(addresses, addresses * 7)
    assert np.array_equal(vectorized("load")(addresses), addresses * 7)
    assert np.array_equal(np.asarray(instance.exports.memory)[:400].view("i4"), addresses * 7)
    before = instance.exports.calls.value
    vectorized("count")(addresses)
    assert instance.exports.calls.value == before + 100
    vectorized("logged")(np.arange(5, dtype="i4"))
    assert logged == [0, 1, 2, 3, 4]
    logged.clear()


def test_operands_in_the_guests_own_memory(vectorized: Get, instance: jormun.Instance) -> None:
    """A view of the memory is an array like any other."""
    words = np.asarray(instance.exports.memory)[1024:1424].view("i4")
    words[:] = np.arange(100)
    vectorized("add")(words, words, out=words)
    assert np.array_equal(words, np.arange(0, 200, 2))


def test_traps(vectorized: Get) -> None:
    """Raised by the ufunc and its methods, with the guest's backtrace; the instance lives on."""
    divide = vectorized("divide")
    x, zero = np.arange(20_000, dtype="i4"), np.zeros(20_000, "i4")
    mask = np.ones(20_000, bool)
    for run in (
        lambda: divide(x, zero), lambda: divide(x, np.int32(0)), lambda: divide.reduce(zero),
        lambda: divide.accumulate(zero), lambda: divide.outer(x[:9], zero[:9]), lambda: divide(x[::2], zero[::2]),
        lambda: divide(x, zero, out=x.copy(), where=mask), lambda: divide(x.astype("i2"), 0),
        lambda: divide.at(x, [1, 2], zero[:2]), lambda: divide.reduceat(zero, [0, 5]),
        lambda: divide(x.reshape(100, 200)[:, :3], zero[:3]),
    ):  # fmt: skip
        with pytest.raises(jormun.Trap, match="integer divide by zero") as caught:
            run()
        assert caught.value.backtrace[0].function_name == "divide"
    with pytest.raises(jormun.Trap, match="out of bounds"):
        vectorized("load")(np.array([0, 65536], "i4"))
    assert divide(7, np.int32(2)) == 3


def test_traps_behind_floating_point_flags() -> None:
    """A trap is what is raised, where NumPy would also warn of an operation before it; without one it warns."""
    exports = jormun.load("""(module
      (func (export "f") (param f64 f64) (result i32) (local f64)
        (local.set 2 (f64.div (local.get 0) (local.get 1))) (i32.trunc_f64_s (local.get 2)))
      (func (export "g") (param f64 f64) (result f64) (f64.div (local.get 0) (local.get 1))))""").exports
    x, rows, out = np.array([0.0, 1.0, 2.0, 3.0]), np.zeros((4, 1)), np.zeros(4, "i4")
    f, g = jormun.vectorize(exports.f), jormun.vectorize(exports.g)
    for run in (lambda: f(x, x), lambda: f(x[::2], rows), lambda: f.outer(x, x), lambda: f(x, x, where=x < 2, out=out)):
        with np.errstate(all="raise"), pytest.raises(jormun.Trap, match="integer"):
            run()
    with (
        np.errstate(divide="ignore", invalid="warn"),
        pytest.warns(RuntimeWarning, match="invalid value encountered in g"),
    ):
        g(x, 0)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        g(x, rows)


def test_host_functions_that_raise() -> None:
    """The exception comes through NumPy as it is."""

    def fail(x: int) -> None:
        raise LookupError(f"no {x}")

    logged = jormun.vectorize(jormun.load(NUMBERS, {"host": {"log": fail}}).exports.logged)
    with pytest.raises(LookupError, match="no 3"):
        logged(np.arange(3, 100_000, dtype="i4"))


def test_tail_calls() -> None:
    """Of functions of the module, itself and others."""
    exports = jormun.load("""(module
      (func $down (export "down") (param i32 i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (return_call $add (local.get 1) (i32.const 100))))
        (return_call $down (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (local.get 0))))
      (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))""").exports
    x = np.arange(100, dtype="i4")
    assert np.array_equal(jormun.vectorize(exports.down)(x, 0), x * (x + 1) // 2 + 100)


def test_a_host_function_may_use_the_ufunc() -> None:
    """While it runs, and after its store was closed, or with no other reference left."""
    ufuncs: list[object] = []

    def log(x: int) -> None:
        if x > 0:
            ufuncs[0](np.arange(x, dtype="i4"))  # type: ignore[operator]
        elif x < 0:
            ufuncs.pop()

    instance = jormun.load(NUMBERS, {"host": {"log": log}})
    logged = jormun.vectorize(instance.exports.logged)
    ufuncs.append(logged)
    assert logged(np.arange(6, dtype="i4")).tolist() == [0, 1, 2, 3, 4, 5]
    del logged
    assert ufuncs[0](np.arange(-3, 0, dtype="i4")[:1]).tolist() == [-3]  # type: ignore[operator]


def test_what_cannot_be_vectorized(instance: jormun.Instance) -> None:
    """TypeError, with the name and the type."""
    for name, why in (
        ("nothing", "nothing has type .* and a ufunc has parameters and results"),
        ("constant", "a ufunc has parameters and results"),
        ("vector", "v128 is none"),
        ("reference", "only functions of numbers are vectorized"),
        ("memory", "a WebAssembly function is vectorized, as an instance exports it, not Memory"),
    ):
        with pytest.raises(TypeError, match=why):
            jormun.vectorize(instance.exports[name])
    with pytest.raises(TypeError, match="not builtin_function_or_method"):
        jormun.vectorize(print)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="identity is 0, 1 or None, not 2"):
        jormun.vectorize(instance.exports.add, identity=2)
    user = '(module (import "a" "f" (func (param i32) (result i32))) (export "f" (func 0)))'
    with pytest.raises(TypeError, match=r"host function: numpy.frompyfunc"):
        jormun.vectorize(jormun.load(user, {"a": {"f": abs}}).exports.f)
    many = f'(module (func (export "f") (param {"i32 " * 32}) (result i32) (local.get 0)))'
    with pytest.raises(TypeError, match="33 parameters and results, and a ufunc 32 at most"):
        jormun.vectorize(jormun.load(many).exports.f)


def test_functions_of_another_instance(instance: jormun.Instance) -> None:
    """An export that was imported is the other instance's function."""
    user = '(module (import "a" "add" (func (param i32 i32) (result i32))) (export "plus" (func 0)))'
    plus = jormun.vectorize(jormun.load(user, {"a": instance.exports}).exports.plus)
    assert np.array_equal(plus(np.arange(5, dtype="i4"), 1), np.arange(1, 6))


def test_closed_stores(vectorized: Get) -> None:
    """Nothing runs any more, however little it would need."""
    with jormun.Store() as store:
        exports = jormun.load(NUMBERS, {"host": {"log": print}}, store=store).exports
        poly, load = jormun.vectorize(exports.poly), jormun.vectorize(exports.load)
        function = exports.add
        assert poly(2.0) == 5
    for run in (lambda: poly(2.0), lambda: poly(np.arange(100.0)), lambda: load(np.int32(0))):
        with pytest.raises(jormun.WasmError, match="the store is closed"):
            run()
    with pytest.raises(jormun.WasmError, match="the store is closed"):
        jormun.vectorize(function)


def test_it_keeps_what_it_needs_and_no_more() -> None:
    """The ufunc alone keeps its instance; when it dies, all of it does, code included."""
    from jormun.runtime.native.machine import Native

    gc.collect()
    used_bytes = Native.get().code.used_bytes
    instance = jormun.load(NUMBERS, {"host": {"log": print}}, config=jormun.Config(cache=False))
    store = weakref.ref(instance.store)
    poly, divide = (jormun.vectorize(instance.exports[name]) for name in ("poly", "divide"))
    del instance
    gc.collect()
    assert store() is not None
    assert poly(3.0) == 10 and np.array_equal(divide(np.arange(4, dtype="i4"), 2), [0, 0, 1, 1])
    del poly, divide
    gc.collect()
    assert store() is None
    assert Native.get().code.used_bytes <= used_bytes


def test_it_is_compiled_once_for_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ufuncs of other instances have the code of the first, and their own state."""
    from jormun.optimizing import ufunc

    module = jormun.Module(
        '(module (global $g (export "g") (mut i32) (i32.const 5)) (func (export "f") (param i32)'
        " (result i32) (i32.add (local.get 0) (global.get $g))))"
    )
    first, second = jormun.Instance(module), jormun.Instance(module)
    one = jormun.vectorize(first.exports.f)
    monkeypatch.delattr(ufunc, "compile_text")
    two = jormun.vectorize(second.exports.f)
    second.exports.g.value = 7
    assert (one(np.int32(1)), two(np.int32(1))) == (6, 8)


def test_interrupting(instance: jormun.Instance, vectorized: Get) -> None:
    """Another thread ends a ufunc that computes, and it works again."""
    timer = threading.Timer(0.2, instance.interrupt)
    timer.start()
    with pytest.raises(jormun.Trap, match="interrupted"):
        vectorized("spin")(np.arange(10, dtype="i4"))
    timer.join()
    assert vectorized("collatz")(np.int32(7)) == 16


def test_time_limits() -> None:
    """A time limit ends a ufunc."""
    limits = jormun.Limits(timeout=0.2)
    spin = jormun.vectorize(jormun.load(NUMBERS, {"host": {"log": print}}, limits=limits).exports.spin)
    with pytest.raises(jormun.TimeoutError):
        spin(np.arange(10, dtype="i4"))


def test_ctrl_c() -> None:
    """KeyboardInterrupt comes out of a ufunc whose function never ends, and out of one with no loop of its own."""
    program = """if True:
        import _thread, os, signal, sys, threading
        import numpy as np, jormun
        spin, poly = (jormun.vectorize(jormun.load('''(module
          (func (export "spin") (param i32) (result i32) (loop $l (br $l)) (unreachable))
          (func (export "poly") (param i32) (result i32) (i32.mul (local.get 0) (local.get 0))))''').exports[name])
          for name in ("spin", "poly"))
        def run(function, x):
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                while True:
                    function(x)
            except KeyboardInterrupt:
                print("interrupted")
        run(spin, np.arange(3, dtype="i4"))
        run(poly, np.broadcast_to(np.int32(3), (1 << 20, 1 << 12)))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["interrupted"] * 2, done.stderr


def test_threads(vectorized: Get) -> None:
    """Several threads may call one ufunc."""
    x = np.arange(200_000, dtype="i4")
    expected = vectorized("collatz")(x)
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(vectorized("collatz")(x))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4 and all(np.array_equal(result, expected) for result in results)


def test_without_numpy(instance: jormun.Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said."""
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match=r"pip install 'jormun\[numpy\]'"):
        jormun.vectorize(instance.exports.add)
