"""What callers and host functions do wrong: an exception that names the function and its type, and a run time that
goes on.
"""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

import jormun
from jormun.hints import Callable

GUEST = """(module
  (import "env" "host" (func $host (param i32) (result i32)))
  (import "env" "pair" (func $pair (result i32 f64)))
  (memory (export "memory") 1)
  (func (export "add") (param i32 i64 f32 f64) (result i32) (local.get 0))
  (func (export "vector") (param v128) (result v128) (local.get 0))
  (func (export "reference") (param funcref) (result funcref) (local.get 0))
  (func (export "host") (param i32) (result i32) (call $host (local.get 0)))
  (func (export "pair") (result i32 f64) (call $pair)))"""


def guest(host: Callable[..., object] = lambda x: x, pair: Callable[..., object] = lambda: (1, 2.0)) -> jormun.Instance:
    """An instance of GUEST."""
    return jormun.load(GUEST, {"env": {"host": host, "pair": pair}})


def goes_on(instance: jormun.Instance) -> bool:
    """Whether an instance can be called as ever."""
    return instance.exports.add(7, 1, 1.0, 1.0) == 7  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "arguments", "error", "said"),
    [
        (
            "add",
            (1,),
            TypeError,
            r"add\(\) takes 4 positional arguments but 1 was given.*\[i32 i64 f32 f64\]",
        ),
        ("add", (1, 2, 3, 4, 5), TypeError, r"add\(\) takes 4 positional arguments but 5 .*\[i32 i64 f32 f64\]"),
        ("add", ("1", 2, 3, 4), TypeError, r"add\(\) argument 1.*\[i32 i64 f32 f64\] -> \[i32\]"),
        ("add", (1.5, 2, 3, 4), TypeError, r"add\(\) argument 1.*\[i32 i64 f32 f64\] -> \[i32\]"),
        ("add", (None, 2, 3, 4), TypeError, r"add\(\) argument 1.*\[i32 i64 f32 f64\] -> \[i32\]"),
        ("add", (1 << 32, 2, 3, 4), OverflowError, r"add\(\) argument 1.*\[i32 i64 f32 f64\] -> \[i32\]"),
        ("add", (-(1 << 31) - 1, 2, 3, 4), OverflowError, r"add\(\) argument 1.*\[i32 i64 f32 f64\]"),
        ("add", (1, 1 << 64, 3, 4), OverflowError, r"add\(\) argument 2.*\[i32 i64 f32 f64\]"),
        ("add", (1, 2, "3", 4), TypeError, r"add\(\) argument 3.*\[i32 i64 f32 f64\]"),
        ("add", (1, 2, 3, 10**400), OverflowError, r"add\(\) argument 4.*\[i32 i64 f32 f64\]"),
        ("vector", (b"short",), (TypeError, ValueError), r"vector\(\) argument 1.*\[v128\] -> \[v128\]"),
        ("vector", (1,), TypeError, r"vector\(\) argument 1.*\[v128\] -> \[v128\]"),
        ("reference", (print,), TypeError, r"reference\(\) argument 1.*\[funcref\] -> \[funcref\]"),
    ],
)
def test_arguments(name: str, arguments: tuple[object, ...], error: type[Exception], said: str) -> None:
    """Wrong numbers, types and ranges are Python's own errors."""
    instance = guest()
    with pytest.raises(error, match=said):
        instance.exports[name](*arguments)
    with pytest.raises(TypeError, match=rf"{name}\(\) takes no keyword arguments.*->"):
        instance.exports[name](*arguments, key=1)
    assert goes_on(instance)


def test_arrays_of_numpy() -> None:
    """Scalars of NumPy are numbers where they fit, as for Python's own functions; arrays are none."""
    numpy = pytest.importorskip("numpy")
    instance = guest()
    assert instance.exports.add(numpy.int16(3), numpy.uint64(2), numpy.float32(1), numpy.float64(1)) == 3
    for wrong in (numpy.arange(3), numpy.array([1.5]), numpy.float64(1.5)):
        with pytest.raises(TypeError, match=r"add\(\) argument 1.*\[i32 i64 f32 f64\]"):
            instance.exports.add(wrong, 1, 1.0, 1.0)
    with pytest.raises(OverflowError, match=r"add\(\) argument 1"):
        instance.exports.add(numpy.uint64(1 << 40), 1, 1.0, 1.0)
    twice = jormun.vectorize(
        jormun.load(
            '(module (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))'
        ).exports.twice
    )
    with pytest.raises(TypeError, match="twice"):
        twice(numpy.array([1.5, 2.5]))
    with pytest.raises(TypeError, match="twice"):
        twice(numpy.array(["1"]))
    assert twice(numpy.array([1, 2], "i4")).tolist() == [2, 4]
    assert goes_on(instance)


@pytest.mark.parametrize("returned", [None, "1", 1.5, (1,), 1 << 32, -(1 << 31) - 1, [1, 2]])
def test_a_host_function_that_returns_the_wrong_thing(returned: object) -> None:
    """HostError names it and its type."""
    instance = guest(host=lambda x: returned)
    with pytest.raises(jormun.HostError, match=r"host function .*host.*\[i32\] -> \[i32\]"):
        instance.exports.host(1)
    assert goes_on(instance)


@pytest.mark.parametrize("returned", [None, 1, (1,), (1, 2.0, 3), ("a", 2.0), (1, None)])
def test_a_host_function_that_returns_the_wrong_things(returned: object) -> None:
    """The same where there are several."""
    instance = guest(pair=lambda: returned)
    with pytest.raises(jormun.HostError, match=r"host function .*pair.*\[\] -> \[i32 f64\]"):
        instance.exports.pair()
    assert goes_on(instance)


def test_a_host_function_that_raises_or_takes_too_few() -> None:
    """What it raises comes out as it is."""
    error = KeyError("mine")

    def fail(x: int) -> int:
        raise error

    instance = guest(host=fail)
    with pytest.raises(KeyError) as caught:
        instance.exports.host(1)
    assert caught.value is error
    wrong = guest(host=lambda: 1)
    with pytest.raises(TypeError, match="takes 0 positional arguments but 1 was given"):
        wrong.exports.host(1)
    assert goes_on(instance) and goes_on(wrong)


def test_a_host_function_that_calls_the_same_instance() -> None:
    """It may, to any depth that the stacks allow; then it is an error of Python's or the guest's, and no more."""
    instance = guest(host=lambda x: x if x == 0 else instance.exports.host(x - 1))
    assert instance.exports.host(20) == 0
    with pytest.raises((RecursionError, jormun.ExhaustionError)):
        instance.exports.host(1_000_000)
    assert goes_on(instance)


def test_use_after_close() -> None:
    """It is said what is closed, of all that the store had."""
    store = jormun.Store()
    instance = jormun.load(GUEST, {"env": {"host": int, "pair": int}}, store=store)
    memory, add = instance.exports.memory, instance.exports.add
    store.close()
    for use in (
        lambda: add(1, 2, 3.0, 4.0),
        lambda: jormun.load("(module)", store=store),
        lambda: (
            jormun.Table(store, jormun.TableType(jormun.FUNCREF, jormun.types.Limits(1)))
            if hasattr(jormun, "TableType")
            else jormun.load("(module)", store=store)
        ),
    ):
        with pytest.raises(jormun.WasmError, match="the store is closed"):
            use()
    assert memory.read(0, 4) == bytes(4), "who has it may use it"
    store.close()


def test_calls_from_a_thread_while_another_is_inside() -> None:
    """One waits for the other, and neither fails."""
    inside, go_on = threading.Event(), threading.Event()

    def host(x: int) -> int:
        inside.set()
        go_on.wait()
        return x

    instance = guest(host=host)
    results: list[object] = []
    first = threading.Thread(target=lambda: results.append(instance.exports.host(1)))
    second = threading.Thread(target=lambda: results.append(instance.exports.add(2, 1, 1.0, 1.0)))
    first.start()
    inside.wait()
    second.start()
    second.join(0.05)
    assert second.is_alive() and not results
    go_on.set()
    first.join()
    second.join()
    assert results == [1, 2]


def test_a_callback_that_drops_the_last_reference() -> None:
    """The guest goes on to its end, and is given up then."""
    kept: list[jormun.Instance] = []

    def host(x: int) -> int:
        kept.clear()
        gc.collect()
        return x + 1

    kept.append(guest(host=host))
    gone = weakref.ref(kept[0])
    assert kept[0].exports.host(1) == 2
    gc.collect()
    assert gone() is None

    kept.append(guest(host=lambda x: (kept[0].store.close(), kept.clear(), gc.collect(), x)[-1]))
    assert kept[0].exports.host(5) == 5
