"""Fuel in running code: the same count in every tier, and what happens when there is too little."""

from __future__ import annotations

import asyncio
import pickle
import threading

import pytest

import jormun
from jormun import Allowance, Config, Costs, ExhaustionError, Limits, Trap, TrapKind
from jormun.api.tier import Tier
from jormun.runtime.metering.charges import SMALL
from jormun.runtime.metering.fuel import Fuel
from jormun.runtime.tiering.settings import Tiering

FORCED = Tiering(threshold=0, entry_weight=0, is_synchronous=True)
CONFIGS = {
    "baseline": Config(tier="baseline", cache=False),
    "optimizing": Config(tier="optimizing", cache=False),
    "at a loop": Config(tier="auto", cache=False, tiering=FORCED),
    "at random": Config(tier="auto", cache=False, tiering=Tiering(threshold=3, seed=1, is_synchronous=True)),
}
PART = "(drop (i32.const 0))" * (SMALL + 1)

LIBRARY = f"""
(module
  (import "env" "host" (func $host))
  (memory (export "memory") 1) (table $t 10 funcref) (data $d "0123456789") (elem $e funcref (ref.null func))
  (func (export "straight") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "while") (param i32) (result i32) (local $sum i32)
    (block (loop
      (br_if 1 (i32.eqz (local.get 0)))
      (local.set $sum (i32.add (local.get $sum) (i32.mul (local.get 0) (local.get 0))))
      {PART}
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br 0)))
    (local.get $sum))
  (func (export "count") (param i32 i32) (result i32) (local $n i32)
    (loop
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (if (i32.and (local.get $n) (i32.const 1)) (then (local.set $n (i32.mul (local.get $n) (i32.const 3)))))
      (br_if 0 (i32.ne (local.tee 0 (i32.add (local.get 0) (i32.const 4))) (local.get 1))))
    (local.get $n))
  (func $nested (export "nested") (param i32) (result i32) (local $i i32) (local $j i32) (local $n i32)
    (local.set $i (local.get 0))
    (loop $outer
      (local.set $j (i32.const 0))
      (block $out (loop $inner
        (br_if $out (i32.gt_u (local.get $j) (local.get $i)))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (local.set $n (i32.add (local.get $n) (local.get $j)))
        {PART}
        (br $inner)))
      (br_if $outer (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (local.get $n))
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $tail (export "tail") (param i32) (result i32)
    (if (local.get 0) (then (return_call $tail (i32.sub (local.get 0) (i32.const 1)))))
    (i32.const 7))
  (func (export "switch") (param i32) (result i32)
    (block (block (block (br_table 0 1 2 (local.get 0)))
      {PART} (return (i32.const 10)))
      {PART} {PART} (return (i32.const 20)))
    (i32.const 30))
  (func (export "fill") (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0)))
  (func (export "copy") (param i32) (memory.copy (i32.const 0) (i32.const 8) (local.get 0)))
  (func (export "init") (param i32) (memory.init $d (i32.const 0) (i32.const 0) (local.get 0)))
  (func (export "table") (param i32)
    (table.fill $t (i32.const 0) (ref.null func) (local.get 0))
    (table.copy $t $t (i32.const 0) (i32.const 0) (local.get 0))
    (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "constant") (memory.fill (i32.const 0) (i32.const 1) (i32.const 640)))
  (func (export "calls") (call $host) (drop (i32.const 1)) (call $host))
  (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "floats") (param f64 i32) (result f64)
    (loop
      (local.set 0 (f64.add (local.get 0) (f64.const 0.5)))
      (drop (call $nested (i32.const 1)))
      (br_if 0 (i32.gt_s (local.tee 1 (i32.sub (local.get 1) (i32.const 1))) (i32.const 0))))
    (local.get 0)))
"""


def load(name: str, limits: Limits, host: object = lambda: None) -> jormun.Instance:
    """An instance of the library in a tier."""
    return jormun.load(LIBRARY, {"env": {"host": host}}, config=CONFIGS[name], limits=limits)


def used(instance: jormun.Instance, export: str, *arguments: object) -> tuple[object, int]:
    """What a call returns or raises, and what it costs."""
    before = instance.limits.usage.fuel
    try:
        result: object = instance.exports[export](*arguments)
    except Trap as trap:
        result = trap.kind
    return result, instance.limits.usage.fuel - before


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize(
    ("call", "result", "cost"),
    [
        (("straight", 4), 5, 3),
        (("fib", 1), 1, 4 + 7 + 2),  # of the two small parts the dearer one is paid in any case
        (("tail", 0), 7, 2 + 4),
        (("switch", 0), 10, 2 + 1 + SMALL + 2),
        (("switch", 1), 20, 2 + 1 + 2 * SMALL + 3),
        (("fill", 63), None, 4),
        (("fill", 640), None, 4 + 10),
        (("copy", 128), None, 4 + 2),
        (("init", 10), None, 4),
        (("table", 8), None, 12 + 1 + 1),
        (("constant",), None, 4 + 10),
        (("calls",), None, 3),
        (("divide", 0), TrapKind.INTEGER_DIVIDE_BY_ZERO, 3),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_costs_by_hand(name: str, call: tuple[str, object], result: object, cost: int) -> None:
    """What short calls cost, in every tier."""
    assert used(load(name, Limits(fuel=10**9)), *call) == (result, cost)


def test_a_fault_in_baseline_code_is_paid() -> None:
    """Optimized code keeps its count in a register then, and what it had said at its last call remains."""
    for name, cost in (("baseline", 2), ("optimizing", 0)):
        assert used(load(name, Limits(fuel=10**9)), "load", -1) == (TrapKind.MEMORY_OUT_OF_BOUNDS, cost)


CALLS = [
    ("while", 20), ("while", 0), ("count", 0, 40), ("count", -8, 8), ("count", 4, 4 + 4 * 9), ("nested", 9),
    ("fib", 12), ("tail", 50), ("floats", 1.5, 6),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_every_tier_counts_the_same(call: tuple[str, object]) -> None:
    """Wherever a function is left for better code."""
    found = {used(load(name, Limits(fuel=10**9)), *call) for name in CONFIGS}
    assert len(found) == 1


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_exhaustion_is_at_the_same_place_in_every_tier(call: tuple[str, object]) -> None:
    """For each amount of fuel that does not suffice: as much of it has been used."""
    instances = [load(name, Limits(fuel=10**9)) for name in CONFIGS]
    _, cost = used(instances[0], *call)
    for amount in range(0, cost, max(cost // 23, 1)):
        found = set()
        for instance in instances:
            instance.limits.fuel = amount
            found.add((*used(instance, *call), instance.limits.fuel))
        assert len(found) == 1


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_guest_that_is_given_more_goes_on(name: str, call: tuple[str, object]) -> None:
    """As if there had been enough from the start."""
    expected = used(load(name, Limits(fuel=10**9)), *call)
    given = 0

    def more(limits: Allowance) -> None:
        nonlocal given
        given += 1
        limits.fuel += 7

    instance = load(name, Limits(fuel=0, on_empty=more))
    assert used(instance, *call) == expected
    assert given
    assert max(7 * given - expected[1], 0) == instance.limits.fuel < 7


@pytest.mark.parametrize("name", CONFIGS)
def test_what_gives_nothing_is_an_end(name: str) -> None:
    """And what it raises comes out of the call."""
    with pytest.raises(ExhaustionError, match="out of fuel") as caught:
        load(name, Limits(fuel=5, on_empty=lambda limits: None)).exports.fib(9)
    assert caught.value.kind is TrapKind.FUEL_EXHAUSTED
    assert [frame.function_name for frame in caught.value.backtrace][-1] == "fib"

    def fail(limits: Allowance) -> None:
        raise KeyError(limits.fuel)

    with pytest.raises(KeyError, match="2"):
        load(name, Limits(fuel=2, on_empty=fail)).exports.straight(9)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_loop_that_never_ends_is_never_paid(name: str) -> None:
    """Its counter passes by its bound: no fuel lasts for that."""
    instance = load(name, Limits(fuel=10**12, on_empty=lambda limits: 1 / 0))
    with pytest.raises(ExhaustionError, match="never end"):
        instance.exports.count(1, 4)


@pytest.mark.parametrize("name", CONFIGS)
def test_host_functions_see_and_change_what_is_left(name: str) -> None:
    """The guest goes on with what they leave."""
    seen = []

    def host() -> None:
        seen.append(instance.limits.fuel)
        instance.limits.fuel -= 10

    instance = load(name, Limits(fuel=100), host)
    instance.exports.calls()
    assert seen == [97, 87]
    assert instance.limits.fuel == 77
    assert instance.limits.usage.fuel == 3


@pytest.mark.parametrize("tier", ["baseline", "optimizing"])
def test_a_table_of_costs_is_used(tier: Tier) -> None:
    """Modules with another one have other code."""
    wat = '(module (func (export "f") (result i32) (i32.add (i32.const 1) (i32.const 2))))'
    for costs, expected in ((Costs(), 3), (Costs(default=0, instructions={"i32.add": 50}), 50)):
        instance = jormun.load(wat, config=Config(tier=tier, cache=False, costs=costs), limits=Limits(fuel=100))
        assert instance.exports.f() == 3
        assert instance.limits.usage.fuel == expected


def test_without_a_limit_nothing_is_counted() -> None:
    """There is no fuel to ask for."""
    instance = jormun.load('(module (func (export "f")))')
    assert instance.limits.usage.fuel == 0
    with pytest.raises(ValueError, match="no limit on fuel"):
        instance.limits.fuel += 1


def test_wrong_amounts() -> None:
    """They are refused where they are written."""
    for amount in (-1, (1 << 62) + 1):
        with pytest.raises(ValueError, match="fuel is a number"):
            Limits(fuel=amount)
    with pytest.raises(ValueError, match="fuel is a number"):
        load("baseline", Limits(fuel=1)).limits.fuel = -1


def test_metered_code_is_code_of_its_own() -> None:
    """Instances of one module, with fuel and without, do not get each other's."""
    module = jormun.Module('(module (func (export "f") (loop (br 0))))', config=CONFIGS["baseline"])
    with pytest.raises(ExhaustionError, match="out of fuel"):
        jormun.Instance(module, limits=Limits(fuel=10)).exports.f()
    with pytest.raises(jormun.TimeoutError):
        jormun.Instance(module, limits=Limits(timeout=0.01)).exports.f()


def test_threads_take_from_the_same() -> None:
    """Each in parts; together no more than there was."""
    first = Fuel(1600)
    second = first.sibling()
    first.pay(10)
    second.pay(10)
    assert (first.left, second.left) == (90, 83)
    assert first.used == second.used == 20
    with pytest.raises(ExhaustionError):
        for _ in range(2000):
            second.pay(second.left + 1)
    assert first.used + max(first.left, 0) <= 1600


@pytest.mark.parametrize("name", CONFIGS)
def test_instances_of_the_parts_of_dead_ones_pay_from_their_own_store(name: str) -> None:
    """Each has what its limits say."""
    module = jormun.Module('(module (func (export "f") (loop (br 0))))', config=CONFIGS[name])
    for amount in (100, 300, 200, 400):
        instance = module.instantiate(limits=Limits(fuel=amount))
        with pytest.raises(ExhaustionError, match=f"of {amount}"):
            instance.exports.f()
        assert instance.limits.usage.fuel == amount


@pytest.mark.parametrize("name", CONFIGS)
def test_awaited_calls_pay(name: str) -> None:
    """A guest that computes is suspended meanwhile, one that waits for the host pays for what it runs then."""
    module = jormun.Module(
        """(module (import "env" "wait" (func $wait)) (func (export "spin") (loop (br 0)))
        (func (export "waits") (drop (i32.const 1)) (call $wait) (drop (i32.const 1))))""",
        config=CONFIGS[name],
    )

    async def wait() -> None:
        instance.limits.fuel += 5

    instance = jormun.Instance(module, {"env": {"wait": wait}}, limits=Limits(fuel=3_000_000))
    asyncio.run(instance.exports.waits.call_async())
    assert instance.limits.usage.fuel == 3
    with pytest.raises(ExhaustionError, match="0 left of 3,000,005"):
        asyncio.run(instance.exports.spin.call_async())


def test_a_pickled_module_is_metered_where_it_comes() -> None:
    """By its own table of costs. What comes with it is code without fuel."""
    config = Config(tier="baseline", cache=False, costs=Costs(default=7))
    module = jormun.Module('(module (func (export "one") (result i32) (i32.const 1)))', config=config)
    module.instantiate(limits=Limits(fuel=10)).exports.one()
    came = pickle.loads(pickle.dumps(module))
    instance = came.instantiate(limits=Limits(fuel=10))
    assert instance.exports.one() == 1
    assert instance.limits.fuel == 3
    assert came.instantiate().exports.one() == 1


def test_snapshots_are_metered_as_other_modules() -> None:
    """Fuel is the store's, and no part of the state."""
    instance = jormun.load(
        """(module (global $g (mut i32) (i32.const 0)) (func (export "next") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g)))""",
        limits=Limits(fuel=10),
    )
    instance.exports.next()
    again = instance.snapshot().instantiate(limits=Limits(fuel=10))
    assert again.exports.next() == 2
    assert again.limits.fuel == instance.limits.fuel


@pytest.mark.parametrize("name", CONFIGS)
def test_arguments_stay_while_more_is_given(name: str) -> None:
    """Those that find no register are in one place for all calls of a thread."""
    count = 40
    params, args = "(param i64)" * count, [*range(1, count + 1)]
    total = "(local.get 0)"
    for k in range(1, count):
        total = f"(i64.add {total} (i64.mul (i64.const {k}) (local.get {k})))"
    wat = f'(module (func (export "f") {params} (result i64) {total}))'
    other = jormun.load(wat, config=CONFIGS[name])

    def more(limits: Allowance) -> None:
        other.exports.f(*[99] * count)
        limits.fuel += 1000

    instance = jormun.load(wat, config=CONFIGS[name], limits=Limits(fuel=0, on_empty=more))
    assert instance.exports.f(*args) == other.exports.f(*args)


@pytest.mark.parametrize("name", CONFIGS)
def test_vectorized_functions_pay(name: str) -> None:
    """For each element, as calls do."""
    numpy = pytest.importorskip("numpy")
    wat = """(module (func (export "poly") (param f64) (result f64)
      (f64.add (f64.mul (local.get 0) (local.get 0)) (f64.const 1))))"""
    instance = jormun.load(wat, config=CONFIGS[name], limits=Limits(fuel=10**6))
    poly = jormun.vectorize(instance.exports.poly)
    assert poly(numpy.arange(4)).tolist() == [1, 2, 5, 10]
    assert instance.limits.usage.fuel == 4 * 5
    with pytest.raises(ExhaustionError):
        poly(numpy.arange(10**6))
    assert instance.limits.usage.fuel == 10**6


@pytest.mark.parametrize("name", CONFIGS)
def test_calls_by_machine_code_pay(name: str) -> None:
    """A function that runs for a moment keeps the GIL, while Python gives more as well, in whatever threads it uses."""
    given = []

    def more(limits: Allowance) -> None:
        thread = threading.Thread(target=given.append, args=(limits.usage.fuel,))
        thread.start()
        thread.join()
        limits.fuel += 6

    instance = load(name, Limits(fuel=0, on_empty=more))
    straight = instance.exports.straight
    assert [straight(k) for k in range(9)] == list(range(1, 10))
    assert given == list(range(0, 27, 6))
    assert instance.limits.usage.fuel == 27
