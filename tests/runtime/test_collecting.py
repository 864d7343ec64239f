"""References that a collection finds wherever a guest keeps them: objects are collected whenever one is made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import jormun
from jormun import Config, Limits
from jormun.runtime.tiering.settings import Tiering
from tests.collecting import collecting

CONFIGS = {
    "baseline": Config(tier="baseline", cache=False),
    "optimizing": Config(tier="optimizing", cache=False),
    "at a loop": Config(cache=False, tiering=Tiering(threshold=0, entry_weight=0, is_synchronous=True)),
}
HEAD = """(module
  (rec (type $n (struct (field $v i32) (field $next (mut (ref null $n))))) (type $row (array (mut (ref null $n)))))
  (import "host" "other" (func $other (param i32) (result i32)))
  (import "host" "ref" (func $ref (param anyref) (result anyref)))
  (import "host" "wait" (func $wait (param anyref) (result anyref)))
  (tag $e (param i32 (ref null $n)))
  (func $new (param i32) (result (ref $n)) (struct.new $n (local.get 0) (ref.null none)))
  (func $waste (export "waste") (param $k i32) (result i32) (local $x (ref null $n))
    (loop $again (local.set $x (struct.new $n (i32.const -1) (local.get $x)))
      (br_if $again (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))
    (local.get $k))
  (func $sum (param $x (ref null $n)) (result i32) (local $s i32)
    (loop $again (if (ref.is_null (local.get $x)) (then (return (local.get $s))))
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 10)) (struct.get $n $v (local.get $x))))
      (local.set $x (struct.get $n $next (local.get $x))) (br $again)) unreachable)
  (func $pair (param $x (ref null $n)) (param $y (ref null $n)) (result i32)
    (i32.add (i32.mul (call $sum (local.get $x)) (i32.const 100)) (call $sum (local.get $y))))
  (func $two (result (ref null $n) i32 (ref null $n)) (call $new (i32.const 3)) (call $waste (i32.const 3))
    (call $new (i32.const 4)))
"""
CASES = {
    "a local": (
        """(local $x (ref null $n)) (local.set $x (call $new (i32.const 7))) (drop (call $waste (i32.const 9)))
        (call $sum (local.get $x))""",
        7,
    ),
    "an operand below calls": (
        """(call $pair (call $new (i32.const 5))
            (struct.new $n (call $waste (i32.const 9)) (call $new (i32.const 2))))""",
        502,
    ),
    "an operand below a block": (
        """(call $pair (call $new (i32.const 5)) (block $b (result (ref null $n))
          (drop (call $waste (i32.const 5))) (drop (br_if $b (call $new (i32.const 6)) (call $waste (i32.const 4))))
          (call $new (i32.const 8))))""",
        508,
    ),
    "a loop's parameter": (
        """(local $k i32) (local $x (ref null $n)) (local.set $k (i32.const 4)) (call $sum (call $new (i32.const 1))
        (loop $again (param (ref null $n)) (result (ref null $n)) (local.set $x)
          (struct.new $n (i32.add (local.get $k) (call $waste (i32.const 3))) (local.get $x))
          (br_if $again (local.tee $k (i32.sub (local.get $k) (i32.const 1))))))""",
        12341,
    ),
    "what br_table takes along": (
        """(local $k i32) (call $sum (block $a (result (ref null $n)) (drop (block $b (result (ref null $n))
          (br_table $b $a $b (call $new (i32.const 6)) (i32.add (i32.const 1) (call $waste (i32.const 6))))))
          (call $new (i32.const 2))))""",
        6,
    ),
    "what is selected": (
        """(call $sum (select (result (ref null $n)) (call $new (i32.const 1)) (call $new (i32.const 2))
          (call $waste (i32.const 7))))""",
        2,
    ),
    "values of an exception": (
        """(local $x (ref null $n)) (call $pair (call $new (i32.const 4)) (block $c (result (ref null $n))
          (block $b (result i32 (ref null $n)) (try_table (catch $e $b)
            (throw $e (call $waste (i32.const 5)) (call $new (i32.const 9)))) unreachable)
          (local.set $x) (drop) (drop (call $waste (i32.const 5))) (local.get $x)))""",
        409,
    ),
    "an exception that is thrown again": (
        """(local $x exnref) (local.set $x (block $b (result exnref) (try_table (catch_all_ref $b)
            (throw $e (i32.const 1) (call $new (i32.const 9)))) unreachable))
        (drop (call $waste (i32.const 5)))
        (block $b (result i32 (ref null $n)) (try_table (catch $e $b) (throw_ref (local.get $x))) unreachable)
        (call $sum) (i32.add)""",
        10,
    ),
    "several results": (
        """(local $x (ref null $n)) (call $two) (local.set $x) (drop) (drop (call $waste (i32.const 3)))
        (local.get $x) (call $pair)""",
        304,
    ),
    "elements of a new array": (
        """(local $r (ref null $row)) (local.set $r (array.new_fixed $row 3 (call $new (i32.const 1))
          (struct.new $n (call $waste (i32.const 3)) (call $new (i32.const 2))) (call $new (i32.const 3))))
        (drop (call $waste (i32.const 9)))
        (i32.add (call $pair (array.get $row (local.get $r) (i32.const 0))
            (array.get $row (local.get $r) (i32.const 1)))
          (call $sum (array.get $row (local.get $r) (i32.const 2))))""",
        105,
    ),
    "elements of a large array": (
        """(local $r (ref null $row)) (local.set $r (array.new $row (call $new (i32.const 6)) (i32.const 9000)))
        (drop (call $waste (i32.const 9))) (drop (array.new_default $row (i32.const 9000)))
        (call $sum (array.get $row (local.get $r) (i32.const 8999)))""",
        6,
    ),
    "operands while the host calls back": (
        """(call $pair (call $new (i32.const 5))
          (struct.new $n (call $other (i32.const 9)) (call $new (i32.const 2))))""",
        502,
    ),
    "an argument of the host": (
        """(call $sum (ref.cast (ref null $n) (call $ref (call $new (i32.const 8)))))""",
        8,
    ),
}


@pytest.fixture(autouse=True)
def collections() -> Iterator[None]:
    """Each new object comes with a collection."""
    with collecting():
        yield


def guest(body: str, config: Config, limits: Limits | None = None) -> jormun.Instance:
    """A guest that exports `run`, with that body, and a host that has objects made while it waits."""

    def other(count: int) -> int:
        return int(instance.exports.waste(count))

    def ref(x: object) -> object:
        instance.exports.waste(5)
        return x

    async def wait(x: object) -> object:
        await asyncio.sleep(0)
        return x

    imports = {"host": {"other": other, "ref": ref, "wait": wait}}
    text = f'{HEAD} (func (export "run") (result i32) {body}))'
    instance = jormun.Instance(jormun.Module(text, config=config), imports, store=jormun.Store(limits=limits))
    return instance


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
@pytest.mark.parametrize(("body", "expected"), CASES.values(), ids=CASES.keys())
def test_what_is_kept(body: str, expected: int, config: Config) -> None:
    """Nothing that the guest still uses is lost."""
    assert guest(body, config).exports.run() == expected


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_operands_while_fuel_is_paid(config: Config) -> None:
    """Metered code keeps them too."""
    body, expected = CASES["an operand below a block"]
    assert guest(body, config, Limits(fuel=10_000)).exports.run() == expected


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_guest_that_is_suspended(config: Config) -> None:
    """Others make objects in the same store while it waits, with references in locals, operands and arguments."""
    body = """(local $x (ref null $n)) (local.set $x (call $new (i32.const 1)))
      (call $pair (call $new (i32.const 2)) (struct.new $n (call $sum (local.get $x))
        (ref.cast (ref null $n) (call $wait (call $new (i32.const 3))))))"""

    async def both() -> list[object]:
        exports = guest(body, config).exports
        return [*await asyncio.gather(*(exports.run.call_async() for _ in range(3)), exports.waste.call_async(20))]

    assert asyncio.run(both()) == [213, 213, 213, 0]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_frames_of_a_deep_recursion(config: Config) -> None:
    """Each keeps its own."""
    text = f"""{HEAD} (func $deep (export "deep") (param $k i32) (result i32) (local $x (ref null $n))
      (if (i32.eqz (local.get $k)) (then (return (call $waste (i32.const 2)))))
      (local.set $x (call $new (local.get $k)))
      (i32.add (call $deep (i32.sub (local.get $k) (i32.const 1))) (call $sum (local.get $x)))))"""
    imports = {"host": dict.fromkeys(("other", "ref", "wait"), lambda x: x)}
    exports = jormun.Instance(jormun.Module(text, config=config), imports).exports
    assert exports.deep(200) == sum(range(201))


def test_objects_of_python() -> None:
    """What Python holds stays, and what it leads to."""
    text = f"""{HEAD} (func (export "make") (result anyref (ref $row))
      (struct.new $n (i32.const 1) (call $new (i32.const 2)))
      (array.new_fixed $row 2 (call $new (i32.const 3)) (call $new (i32.const 4)))))"""
    imports = {"host": dict.fromkeys(("other", "ref", "wait"), lambda x: x)}
    exports = jormun.Instance(jormun.Module(text, config=CONFIGS["baseline"]), imports).exports
    node, row = exports.make()
    exports.waste(10)
    assert [node[0], node[1][0], [each[0] for each in row]] == [1, 2, [3, 4]]
    after = node[1]
    node[1] = row[1]
    del row
    exports.waste(10)
    assert [node[1][0], after[0]] == [4, 2]
