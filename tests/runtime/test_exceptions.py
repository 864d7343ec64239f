"""Exceptions of guests: in every tier, across instances and the host, and what they do not catch."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable

import pytest

import jormun
from jormun import Config, ExhaustionError, Limits, Trap, TrapKind, WasmException
from jormun.runtime.tiering.settings import Tiering
from jormun.types import F64, I32, V128, FuncType

CONFIGS = {
    "baseline": Config(tier="baseline", cache=False),
    "optimizing": Config(tier="optimizing", cache=False),
    "at a loop": Config(cache=False, tiering=Tiering(threshold=0, entry_weight=0, is_synchronous=True)),
    "at random": Config(cache=False, tiering=Tiering(threshold=3, seed=1, is_synchronous=True)),
}
GUEST = """(module
  (import "env" "host" (func $host (param i32) (result i32)))
  (tag $code (export "code") (param i32))
  (tag $other (export "other") (param f64 v128))
  (tag $empty)
  (memory 1)
  (table 1 funcref) (elem (i32.const 0) $thrower)
  (type $unary (func (param i32) (result i32)))
  (global $kept (mut exnref) (ref.null exn))
  (func $thrower (export "throw") (param i32) (result i32)
    (if (local.get 0) (then (throw $code (local.get 0))))
    (i32.const -1))
  (func (export "throw other") (throw $other (f64.const 0.5) (v128.const i64x2 1 2)))
  (func (export "catch") (param i32) (result i32)
    (block $h (result i32)
      (try_table (result i32) (catch $code $h) (call $thrower (local.get 0)))
      (return))
    i32.const 1000 i32.add)
  (func (export "indirect") (param i32) (result i32)
    (block $h (result i32)
      (try_table (result i32) (catch $code $h)
        (call_indirect (type $unary) (local.get 0) (i32.const 0)))
      (return))
    i32.const 2000 i32.add)
  ;; A loop in a try_table in a loop, with locals and operands that live on around it.
  (func (export "loop") (param $n i32) (result i64) (local $k i32) (local $sum i64) (local $x f64)
    (local.set $x (f64.const 0.25))
    (i64.const 5)
    (loop $again
      (block $done
        (block $h (result i32)
          (try_table (catch $code $h) (catch $empty $done)
            (loop $inner
              (local.set $k (i32.add (local.get $k) (i32.const 1)))
              (local.set $x (f64.add (local.get $x) (f64.const 1)))
              (if (i32.eqz (i32.rem_u (local.get $k) (i32.const 7))) (then (throw $empty)))
              (drop (call $thrower (i32.and (local.get $k) (i32.const 3))))
              (br $inner)))
          (unreachable))
        i64.extend_i32_u local.get $sum i64.add local.set $sum)
      (br_if $again (i32.lt_u (local.get $k) (local.get $n))))
    (i64.add (local.get $sum) (i64.trunc_f64_s (local.get $x)))
    i64.add)
  (func $deep (export "deep") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (throw $code (i32.const 77))))
    (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
  (func (export "catch deep") (param i32) (result i32)
    (block $h (result i32) (try_table (result i32) (catch $code $h) (call $deep (local.get 0)))))
  ;; Each frame catches, and throws again.
  (func $again (export "again") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (throw $code (i32.const 5))))
    (block $h (result exnref)
      (try_table (result i32) (catch_all_ref $h) (call $again (i32.sub (local.get 0) (i32.const 1))))
      (return))
    (throw_ref))
  (func (export "all") (param i32) (result i32)
    (block $h (try_table (result i32) (catch_all $h) (call $host (local.get 0))) (return))
    (i32.const -2))
  (func (export "host code") (param i32) (result i32)
    (block $h (result i32)
      (try_table (result i32) (catch $code $h) (call $host (local.get 0)))
      (return))
    i32.const 3000 i32.add)
  (func (export "host") (param i32) (result i32) (call $host (local.get 0)))
  (func (export "tail") (param i32) (result i32)
    (block $h (try_table (catch_all $h) (return_call $thrower (local.get 0))))
    (i32.const -3))
  (func $trap (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
  (func $fault (result i32) (i32.load (i32.const -4)))
  (func $endless (param i64) (call $endless (i64.add (local.get 0) (i64.const 1))))
  (func $spin (loop (br 0)))
  (func (export "catch trap")
    (block $h (try_table (catch_all $h) (drop (call $trap (i32.const 0))))))
  (func (export "catch fault") (block $h (try_table (catch_all $h) (drop (call $fault)))))
  (func (export "catch exhaustion") (block $h (try_table (catch_all $h) (call $endless (i64.const 0)))))
  (func (export "catch endless") (block $h (try_table (catch_all $h) (call $spin))))
  (func (export "keep") (param i32)
    (block $h (result i32 exnref)
      (try_table (catch_ref $code $h) (drop (call $thrower (local.get 0))))
      (return))
    (global.set $kept)
    drop)
  (func (export "rethrow") (throw_ref (global.get $kept)))
  (func (export "reference") (result exnref) (global.get $kept))
  (func (export "throw reference") (param exnref) (throw_ref (local.get 0)))
  (func (export "many") (param $n i32) (result i32)
    (loop $again
      (block $h (result i32) (try_table (catch $code $h) (drop (call $thrower (local.get $n)))) (i32.const 0))
      drop
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 1)))"""


def make(config: Config, host: Callable[[int], object] = abs, **options: object) -> jormun.Instance:
    """An instance of GUEST."""
    return jormun.Instance(jormun.Module(GUEST, config=config), {"env": {"host": host}}, **options)  # type: ignore[arg-type]


@pytest.fixture(params=CONFIGS)
def config(request: pytest.FixtureRequest) -> Config:
    """Each tier, and code that is replaced while it runs."""
    return CONFIGS[request.param]


def loop(n: int) -> int:
    """What "loop" computes."""
    k, total, x = 0, 0, 0.25
    while True:
        while True:
            k += 1
            x += 1
            if k % 7 == 0:
                break
            if k & 3:
                total += k & 3
                break
        if k >= n:
            return total + int(x) + 5


def test_an_exception_goes_to_the_clause_that_fits(config: Config) -> None:
    """Results pass if nothing is thrown; else the clause's label gets the values; calls of all kinds are covered."""
    exports = make(config).exports
    for _ in range(3):
        assert [exports.catch(0), exports.catch(5)] == [-1, 1005]
        assert [exports.indirect(0), exports.indirect(6)] == [-1, 2006]
        assert exports["catch deep"](10) == 77


def test_loops_around_and_inside_of_a_try_table(config: Config) -> None:
    """All state is kept at a throw, wherever code is replaced by better code."""
    exports = make(config).exports
    for n in (1, 3, 8, 50, 200):
        assert exports.loop(n) == loop(n)


def test_an_uncaught_exception_is_raised(config: Config) -> None:
    """With its tag and values, and the frames in which it was thrown; the instance lives on."""
    exports = make(config).exports
    with pytest.raises(WasmException, match="unhandled exception: code\\(7\\)") as raised:
        exports.throw(7)
    assert raised.value.tag == exports.code and raised.value.values == (7,)
    assert [frame.function_name for frame in raised.value.backtrace] == ["thrower"]
    with pytest.raises(WasmException) as raised:
        exports["throw other"]()
    assert raised.value.tag == exports.other != exports.code
    assert raised.value.values == (0.5, (1).to_bytes(8, "little") + (2).to_bytes(8, "little"))
    with pytest.raises(WasmException) as raised:
        exports.deep(3)
    assert [frame.function_name for frame in raised.value.backtrace] == ["deep"] * 4
    assert exports.throw(0) == -1


@pytest.mark.parametrize("name", ["catch deep", "again"])
def test_through_many_frames(config: Config, name: str) -> None:
    """10,000 frames are left at once, or one by one."""
    exports = make(config).exports
    if name == "again":
        with pytest.raises(WasmException) as raised:
            exports.again(10_000)
        assert raised.value.values == (5,)
    else:
        assert exports[name](10_000) == 77


def test_a_tail_call_leaves_the_try_table(config: Config) -> None:
    """What a function tail-calls from inside of a try_table is not covered by it."""
    exports = make(config).exports
    with pytest.raises(WasmException):
        exports.tail(3)
    assert exports.tail(0) == -1


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("catch trap", TrapKind.INTEGER_DIVIDE_BY_ZERO),
        ("catch fault", TrapKind.MEMORY_OUT_OF_BOUNDS),
        ("catch exhaustion", TrapKind.STACK_EXHAUSTED),
        ("rethrow", TrapKind.NULL_EXCEPTION_REFERENCE),
    ],
)
def test_traps_are_not_caught(config: Config, name: str, kind: TrapKind) -> None:
    """Not by catch_all either; and the next call finds no trace of the try_table that was left."""
    exports = make(config).exports
    for _ in range(2):
        with pytest.raises(Trap) as raised:
            exports[name]()
        assert raised.value.kind is kind
        with pytest.raises(WasmException):
            exports.throw(1)


def test_interruption_is_not_caught(config: Config) -> None:
    """A time limit ends a guest inside of a try_table with catch_all."""
    exports = make(config, limits=Limits(timeout=0.05)).exports
    with pytest.raises(jormun.TimeoutError):
        exports["catch endless"]()


def test_exceptions_of_python_pass_through(config: Config) -> None:
    """What a host function raises reaches the caller as the same object, past catch_all."""
    error = KeyError("mine")

    def host(x: int) -> int:
        raise error

    exports = make(config, host).exports
    for _ in range(2):
        with pytest.raises(KeyError) as raised:
            exports.all(1)
        assert raised.value is error


def test_a_host_function_throws(config: Config) -> None:
    """A WasmException that a host function raises is caught by its tag, or else reaches the caller as it is."""
    raised_ones: list[WasmException] = []

    def host(x: int) -> int:
        if x == 0:
            return 4
        raised_ones.append(WasmException(exports.code, x) if x < 10 else WasmException(exports.other, 1.5, bytes(16)))
        raise raised_ones[-1]

    exports = make(config, host).exports
    assert [exports["host code"](x) for x in (0, 3)] == [4, 3003]
    assert [exports.all(x) for x in (0, 3, 10)] == [4, -2, -2]
    with pytest.raises(WasmException) as raised:
        exports["host code"](10)
    assert raised.value.tag == exports.other and raised.value.values == (1.5, bytes(16))
    with pytest.raises(WasmException) as raised:
        exports.host(3)
    assert raised.value is raised_ones[-1]


def test_through_the_host_and_back(config: Config) -> None:
    """What a nested guest throws and its host function lets pass, the outer guest catches; handlers of the outer one
    do not serve the inner.
    """

    def host(x: int) -> int:
        assert exports.catch(x) == 1000 + x
        return exports.throw(x)  # type: ignore[no-any-return]

    exports = make(config, host).exports
    assert exports["host code"](9) == 3009
    with pytest.raises(WasmException):
        exports.host(9)


def test_across_instances(config: Config) -> None:
    """A tag that is imported is the exporter's; tags of the same type are not the same."""
    store = jormun.Store()
    first = jormun.Instance(jormun.Module(GUEST, config=config), {"env": {"host": abs}}, store=store)
    text = """(module
      (import "first" "throw" (func $throw (param i32) (result i32)))
      (import "first" "code" (tag $code (param i32)))
      (tag $mine (param i32))
      (func (export "run") (param i32) (result i32)
        (block $m (result i32)
          (block $h (result i32)
            (try_table (result i32) (catch $mine $m) (catch $code $h) (call $throw (local.get 0)))
            (return))
          (return (i32.add (i32.const 100))))
        (i32.add (i32.const 200))))"""
    second = jormun.Instance(jormun.Module(text, config=config), {"first": first.exports}, store=store)
    assert [second.exports.run(x) for x in (0, 5)] == [-1, 105]
    third = jormun.Instance(jormun.Module(GUEST, config=config), {"env": {"host": first.exports.throw}}, store=store)
    assert third.exports.all(5) == -2
    with pytest.raises(WasmException) as raised:
        third.exports["host code"](5)
    assert raised.value.tag == first.exports.code != third.exports.code


def test_an_exception_of_another_store(config: Config) -> None:
    """Only catch_all catches it; thrown on, it is the same object."""
    other = make(config).exports
    exports = make(config, lambda x: other.throw(x)).exports
    assert exports.all(3) == -2
    with pytest.raises(WasmException) as raised:
        exports["host code"](3)
    assert raised.value.tag == other.code and raised.value.values == (3,)


def test_references(config: Config) -> None:
    """An exnref comes to Python as the exception, null as None, and goes back."""
    exports = make(config).exports
    assert exports.reference() is None
    exports.keep(12)
    reference = exports.reference()
    assert isinstance(reference, WasmException) and (reference.tag, reference.values) == (exports.code, (12,))
    with pytest.raises(WasmException) as raised:
        exports["throw reference"](reference)
    assert raised.value.values == (12,)
    with pytest.raises(WasmException):
        exports.rethrow()
    with pytest.raises(TypeError, match="needs a WasmException or None, not int"):
        exports["throw reference"](3)


def test_values_are_checked() -> None:
    """A WasmException that does not fit its tag is refused where it is made."""
    tag = jormun.Tag(jormun.Store(), FuncType((I32, F64, V128), ()))
    assert WasmException(tag, 2**32 - 1, 1, bytes(16)).values == (-1, 1.0, bytes(16))
    with pytest.raises(TypeError, match="needs 3 values, 1 were given"):
        WasmException(tag, 1)
    with pytest.raises(OverflowError):
        WasmException(tag, 2**32, 1, bytes(16))
    with pytest.raises(TypeError, match="needs a tag, not str"):
        WasmException("tag", 1)  # type: ignore[arg-type]


def test_equal_exceptions_take_memory_once() -> None:
    """They are paid from the store's budget; throwing an equal one again takes nothing, and too many are too many."""
    exports = make(CONFIGS["baseline"], limits=Limits(memory="256KiB")).exports
    for _ in range(50):
        assert exports.many(20) == 1
    with pytest.raises(ExhaustionError, match="memories, tables and exceptions"):
        exports.many(10_000)
    assert exports.catch(1) == 1001


def test_fuel_is_counted_alike() -> None:
    """Exceptions, caught or not, change nothing about what all tiers count."""
    used = set()
    for config in CONFIGS.values():
        instance = make(config, limits=Limits(fuel=10_000_000))
        exports = instance.exports
        for name, argument in (("catch", 3), ("loop", 50), ("catch deep", 20)):
            exports[name](argument)
        with pytest.raises(WasmException):
            exports.again(20)
        used.add(instance.store.allowance.usage.fuel)
    assert len(used) == 1


def test_threads_throw_at_once(config: Config) -> None:
    """Each thread catches what its own guest threw."""
    module = jormun.Module(GUEST, config=config)
    wrong: list[int] = []

    def run(k: int) -> None:
        exports = jormun.Instance(module, {"env": {"host": abs}}).exports
        for x in range(1, 200):
            if exports.catch(k * 1000 + x) != k * 1000 + x + 1000:
                wrong.append(x)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_suspended_calls_keep_their_handlers(config: Config) -> None:
    """A guest that waits inside of a try_table catches what is thrown when it has gone on, and others do not."""

    async def host(x: int) -> int:
        await asyncio.sleep(0)
        if x > 5:
            raise WasmException(exports.code, x)
        return x

    text = """(module
      (import "env" "host" (func $host (param i32) (result i32)))
      (import "env" "code" (tag $code (param i32)))
      (func $wait (param i32) (result i32) (throw $code (call $host (local.get 0))))
      (func (export "run") (param i32) (result i32)
        (block $h (result i32) (try_table (result i32) (catch $code $h) (call $wait (local.get 0))) (return))
        (i32.add (i32.const 50)))
      (func (export "bare") (param i32) (result i32) (call $host (local.get 0))))"""
    store = jormun.Store()
    first = jormun.Instance(jormun.Module(GUEST, config=config), {"env": {"host": abs}}, store=store)
    exports = first.exports
    imports = {"env": {"host": host, "code": exports.code}}
    instances = [jormun.Instance(jormun.Module(text, config=config), imports, store=store) for _ in range(2)]

    async def run() -> list[int]:
        return await asyncio.gather(*(each.exports.run.call_async(k) for k, each in enumerate(instances, 5)))

    assert asyncio.run(run()) == [55, 56]
    with pytest.raises(WasmException):
        asyncio.run(instances[0].exports.bare.call_async(6))


def test_exceptions_die_with_their_store() -> None:
    """Neither an exception in a guest's hands nor one that was raised keeps a store alive."""
    instance = make(CONFIGS["baseline"])
    instance.exports.keep(3)
    with pytest.raises(WasmException):
        instance.exports.throw(4)
    kept = weakref.ref(instance.store.exceptions)
    del instance
    gc.collect()
    assert kept() is None
