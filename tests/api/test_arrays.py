"""NumPy arrays that a guest's allocator puts into its memory."""

from __future__ import annotations

import gc
import sys

import pytest

import jormun

np = pytest.importorskip("numpy")

GUEST = """(module
  (memory (export "memory") 1)
  (global $end (mut i32) (i32.const 16))
  (global $freed (export "freed") (mut i32) (i32.const 0))
  (func $bump (param i32) (result i32) (local $at i32)
    (local.set $at (global.get $end))
    (global.set $end (i32.and (i32.add (i32.add (local.get $at) (local.get 0)) (i32.const 15)) (i32.const -16)))
    (if (i32.gt_u (global.get $end) (i32.mul (memory.size) (i32.const 65536)))
      (then (if (i32.eq (i32.const -1) (memory.grow (i32.const 16))) (then (return (i32.const 0))))))
    (local.get $at))
  (func $free (param i32) (global.set $freed (local.get 0)))
  (func (export "sum") (param $at i32) (param $count i32) (result f64) (local $sum f64)
    (block $out (loop $again
      (br_if $out (i32.eqz (local.get $count)))
      (local.set $sum (f64.add (local.get $sum) (f64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $again)))
    (local.get $sum))
  (func (export "null") (param i32) (result i32) (i32.const 0))
  (func (export "liar") (param i32) (result i32) (i32.const 65530))
  (func (export "negative") (param i32) (result i32) (i32.const -8))
  (func (export "wide") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "float") (param f32) (result i32) (i32.const 0))
  (func (export "sized") (param i32 i32) (global.set $freed (i32.sub (i32.const 0) (local.get 1))))
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $bump (local.get 3)))
  {exports})"""
C = '(export "malloc" (func $bump)) (export "free" (func $free))'
CANONICAL = """(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (if (i32.or (local.get 0) (i32.ne (local.get 2) (i32.const 16))) (then (unreachable)))
  (call $bump (local.get 3)))"""


def guest(exports: str = C) -> jormun.Instance:
    return jormun.load(GUEST.replace("{exports}", exports))


def test_data_is_copied_and_shared_from_then_on() -> None:
    """The guest reads what Python writes."""
    instance = guest()
    with instance.alloc(np.arange(10.0)) as numbers:
        assert instance.exports.sum(numbers, len(numbers)) == 45
        numbers.array[0] = 100
        assert instance.exports.sum(numbers.address, 10) == 145
        assert np.mean(numbers) == 14.5
        assert numbers.array.base is not None and numbers.array.dtype == np.float64
        address = numbers.address
    assert instance.exports.freed.value == address


def test_zeros_of_a_shape() -> None:
    """Zeros, also where the guest had something else; float64 by default."""
    instance = guest()
    np.asarray(instance.exports.memory)[:] = 255
    numbers = instance.alloc(shape=(3, 4), dtype="i2")
    assert numbers.array.shape == (3, 4) and not numbers.array.any()
    assert instance.alloc(shape=2).array.dtype == np.float64
    assert instance.alloc(shape=()).array.shape == ()
    assert instance.alloc([]).array.shape == (0,)


def test_any_data_that_numpy_takes() -> None:
    """Lists, numbers, other layouts and byte orders, records."""
    instance = guest()
    big = np.arange(6, dtype=">u4").reshape(2, 3).T
    assert np.array_equal(instance.alloc(big).array, big)
    assert instance.alloc([1, 2], dtype="f4").array.tolist() == [1, 2]
    records = np.array([(1, 2.5)], np.dtype([("a", "u1"), ("b", "f8")]))
    assert instance.alloc(records).array["b"] == 2.5
    with pytest.raises(TypeError, match="numbers and not Python objects"):
        instance.alloc(np.array([object()]))


def test_growth_moves_nothing() -> None:
    """An array stays valid when the memory grows, and after its instance is gone."""
    instance = guest()
    array = instance.alloc([1.0, 2.0]).array
    instance.exports.memory.grow(10)
    assert instance.alloc(np.zeros(100_000)).array.nbytes == 800_000
    array[1] = 5
    del instance
    gc.collect()
    array += 1
    assert array.tolist() == [2, 6]


def test_after_free() -> None:
    """The array is not given out any more; freeing again does nothing."""
    instance = guest()
    numbers = instance.alloc([1.0])
    assert "shape (1,) and float64 at address 0x10" in repr(numbers)
    numbers.free()
    numbers.free()
    for use in (lambda: numbers.address, lambda: numbers.array, lambda: len(numbers), lambda: np.asarray(numbers)):
        with pytest.raises(ValueError, match="the array has been freed"):
            use()
    with pytest.raises(ValueError, match="the array has been freed"):
        instance.exports.sum(numbers, 1)
    assert repr(numbers) == "<GuestArray, freed>"


def test_after_the_store_was_closed() -> None:
    """There is nothing to give back; what is there can be read."""
    with jormun.Store() as store:
        instance = jormun.load(GUEST.replace("{exports}", C), store=store)
        numbers = instance.alloc([1.0])
    assert numbers.array.tolist() == [1]
    numbers.free()
    with pytest.raises(jormun.WasmError, match="the store is closed"):
        instance.alloc([1.0])


def test_other_allocators() -> None:
    """The canonical ABI's, wasm-bindgen's, and those that are named."""
    assert guest(CANONICAL).alloc([1.0]).array.tolist() == [1]
    bindgen = """(func (export "__wbindgen_malloc") (param i32 i32) (result i32) (call $bump (local.get 0)))
      (func (export "__wbindgen_free") (param i32 i32 i32) (global.set $freed (local.get 1)))"""
    instance = guest(bindgen)
    instance.alloc([1.0, 2.0]).free()
    assert instance.exports.freed.value == 16
    instance = guest()
    instance.alloc([1.0, 2.0], allocator="realloc", free=instance.exports.sized).free()
    assert instance.exports.freed.value == -16
    numbers = instance.alloc([1.0], allocator=instance.exports.realloc)
    numbers.free()
    assert instance.exports.freed.value == -16


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"allocator": "malloc!"}, "the module exports no 'malloc!'"),
        ({"allocator": "memory"}, "a function of the guest's or its name, not Memory"),
        ({"allocator": 3}, "a function of the guest's or its name, not int"),
        ({"allocator": "wide"}, r"wide has type .* would have to take 1, 2 or 4 integers and return 1"),
        ({"allocator": "float"}, r"float has type \[f32\] -> \[i32\]"),
        ({"free": "realloc"}, r"would have to take 1, 2 or 3 integers and return none"),
        ({"data": [1], "shape": 3}, "give one of the two"),
        ({"data": None}, "give one of the two"),
    ],
)
def test_wrong_arguments(options: dict[str, object], why: str) -> None:
    """TypeError, with what would do."""
    with pytest.raises(TypeError, match=why):
        guest().alloc(**({"data": [1.0]} | options))  # type: ignore[arg-type]


def test_modules_without_an_allocator_or_memory() -> None:
    """The error says what is looked for."""
    with pytest.raises(TypeError, match="none of malloc, __wbindgen_malloc, cabi_realloc: name one with allocator="):
        guest("").alloc([1.0])
    with pytest.raises(TypeError, match="the module has no memory"):
        jormun.load("(module)").alloc([1.0])
    with pytest.raises(ValueError, match=r"shape \(-1,\)"):
        guest().alloc(shape=-1)


def test_allocators_that_fail_or_lie() -> None:
    """No array is made outside of the memory."""
    instance = guest()
    with pytest.raises(MemoryError, match="the guest's null has no 80 bytes"):
        instance.alloc(np.zeros(10), allocator="null")
    with pytest.raises(jormun.WasmError, match="gave address 0xfffa for 8 bytes, which are outside"):
        instance.alloc([1.0], allocator="liar")
    with pytest.raises(jormun.WasmError, match="gave address 0xfffffff8 for 8 bytes"):
        instance.alloc([1.0], allocator="negative")
    with pytest.raises(MemoryError, match="the guest's malloc has no 40,000,000,000 bytes"):
        instance.alloc(shape=5_000_000_000)


def test_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said, before the guest allocates anything."""
    instance = guest()
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match=r"pip install 'jormun\[numpy\]'"):
        instance.alloc([1.0])
    with pytest.raises(ImportError, match=r"pip install 'jormun\[numpy\]'"):
        instance.exports.memory.array(0, 1)
