"""How heaps grow, are searched, and end at limits."""

from __future__ import annotations

import gc

import pytest

import jormun
from jormun import Config, ExhaustionError, Limits
from jormun.api.tier import Tier

TIERS: tuple[Tier, ...] = ("baseline", "optimizing")
GUEST = """(module
  (type $n (struct (field i32) (field $next (mut (ref null $n))))) (type $bytes (array (mut i8)))
  (type $vectors (array (mut v128)))
  (global $list (mut (ref null $n)) (ref.null $n)) (global $kept (mut anyref) (ref.null any))
  (func (export "list") (param $k i32)
    (loop $again (global.set $list (struct.new $n (local.get $k) (global.get $list)))
      (br_if $again (local.tee $k (i32.sub (local.get $k) (i32.const 1))))))
  (func (export "count") (result i32) (local $x (ref null $n)) (local $k i32)
    (local.set $x (global.get $list))
    (block $end (loop $again (br_if $end (ref.is_null (local.get $x)))
      (local.set $x (struct.get $n $next (local.get $x)))
      (local.set $k (i32.add (local.get $k) (i32.const 1))) (br $again)))
    (local.get $k))
  (func (export "drop") (global.set $list (ref.null $n)) (global.set $kept (ref.null any)))
  (func (export "rings") (param $k i32) (local $x (ref null $n))
    (loop $again
      (local.set $x (struct.new $n (i32.const 1) (struct.new $n (i32.const 2) (ref.null $n))))
      (struct.set $n $next (struct.get $n $next (local.get $x)) (local.get $x))
      (br_if $again (local.tee $k (i32.sub (local.get $k) (i32.const 1))))))
  (func (export "arrays") (param $length i32) (param $k i32)
    (loop $again (global.set $kept (array.new $bytes (i32.const 1) (local.get $length)))
      (br_if $again (local.tee $k (i32.sub (local.get $k) (i32.const 1))))))
  (func (export "vectors") (param $length i32) (result i32)
    (array.len (array.new_default $vectors (local.get $length)))))"""


def guest(tier: Tier = "baseline", memory: int | None = None) -> jormun.Instance:
    """A guest in a store of its own, which may have so many bytes."""
    store = jormun.Store(limits=None if memory is None else Limits(memory=memory))
    return jormun.Instance(jormun.Module(GUEST, config=Config(tier=tier, cache=False)), store=store)


@pytest.mark.parametrize("length", [1, 100, 30_000, 32_760, 32_761, 65_528, 65_529, 300_000, 5_000_000])
def test_arrays_that_are_dropped_take_no_more_memory(length: int) -> None:
    """Of each size: in places, in blocks of their own, in many blocks."""
    instance = guest()
    instance.exports.arrays(length, 1 + (64 << 20) // (length + 64))
    assert instance.store.heap.size_bytes <= 12 << 20


def test_rings_that_are_dropped_take_no_more_memory() -> None:
    """What refers to itself is found dead."""
    instance = guest()
    instance.exports.rings(2_000_000)
    assert instance.store.heap.size_bytes <= 12 << 20


def test_a_long_list_is_followed() -> None:
    """However long: nothing recurs."""
    instance = guest()
    instance.exports.list(1_000_000)
    assert instance.store.heap.collect()
    assert instance.exports.count() == 1_000_000


@pytest.mark.parametrize("tier", TIERS)
def test_a_store_goes_on_after_its_limit(tier: Tier) -> None:
    """What is alive fills it: the limit is named. When that is dropped there is room again."""
    exports = guest(tier, 8 << 20).exports
    with pytest.raises(ExhaustionError, match=r"Limits\.memory"):
        exports.list(10_000_000)
    assert exports.count() > 100_000
    exports.drop()
    exports.list(100_000)
    exports.arrays(1_000_000, 10)
    assert exports.count() == 100_000


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("length", [1 << 28, 1 << 31, (1 << 32) - 1])
def test_arrays_beyond_the_limit(tier: Tier, length: int) -> None:
    """However long they are to be."""
    with pytest.raises(ExhaustionError, match=r"Limits\.memory"):
        guest(tier, 16 << 20).exports.vectors(length)


def test_constant_arrays_beyond_the_limit() -> None:
    """The same for what is made at instantiation, before anything is written."""
    text = "(module (type $a (array i8)) (global anyref (array.new $a (i32.const 1) (i32.const -1))))"
    with pytest.raises(ExhaustionError, match=r"Limits\.memory"):
        jormun.Instance(jormun.Module(text), store=jormun.Store(limits=Limits(memory=1 << 20)))


@pytest.mark.parametrize("storage", ["i8", "i16", "i32", "i64"])
def test_long_constant_arrays(storage: str) -> None:
    """All elements are set."""
    value = "i64.const" if storage == "i64" else "i32.const"
    text = f"""(module (type $a (array {storage}))
      (global (export "a") (ref $a) (array.new $a ({value} 113) (i32.const 10001))))"""
    assert list(jormun.Instance(jormun.Module(text)).exports.a.value) == [113] * 10001


@pytest.mark.parametrize("tier", TIERS)
def test_structures_larger_than_a_place(tier: Tier) -> None:
    """A type may have 10,000 fields."""
    fields = "(field (mut i64))" * 10_000
    text = f"""(module (type $s (struct {fields})) (global $g (ref $s) (struct.new_default $s))
      (func (export "last") (param i64) (result i64) (local $x (ref $s)) (local.set $x (struct.new_default $s))
        (struct.set $s 9999 (local.get $x) (local.get 0))
        (i64.add (struct.get $s 9999 (local.get $x)) (struct.get $s 9999 (global.get $g)))))"""
    exports = jormun.Instance(jormun.Module(text, config=Config(tier=tier, cache=False))).exports
    assert [exports.last(k) for k in range(100)] == [*range(100)]


def test_address_space_is_given_back() -> None:
    """More heaps than there would be room for, one after another."""
    module = jormun.Module(GUEST, config=Config(tier="baseline", cache=False))
    for _ in range(50):
        store = jormun.Store(limits=Limits(memory="64GiB"))
        jormun.Instance(module, store=store).exports.list(10)
        del store
    gc.collect()
