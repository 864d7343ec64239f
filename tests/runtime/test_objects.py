"""Structures and arrays as Python has them."""

from __future__ import annotations

import copy
import gc
from typing import Any

import pytest

import jormun

GUEST = """(module
  (type $s (sub (struct (field (mut i32)) (field (mut i8)) (field i64) (field (mut v128)) (field (mut anyref))
    (field (mut externref)) (field (mut funcref)))))
  (type $t (sub $s (struct (field (mut i32)) (field (mut i8)) (field i64) (field (mut v128)) (field (mut anyref))
    (field (mut externref)) (field (mut funcref)) (field (mut f32)))))
  (type $bytes (array (mut i8))) (type $halves (array i16)) (type $rows (array (mut (ref $s))))
  (type $vectors (array (mut v128)))
  (tag $e (param (ref $s)))
  (func $new (export "new") (result (ref $s)) (struct.new_default $s))
  (func (export "lower") (result (ref $s)) (struct.new_default $t))
  (func (export "bytes") (param i32) (result arrayref) (array.new_default $bytes (local.get 0)))
  (func (export "halves") (result arrayref) (array.new_fixed $halves 2 (i32.const -1) (i32.const 2)))
  (func (export "rows") (result arrayref) (array.new $rows (call $new) (i32.const 2)))
  (func (export "vectors") (result arrayref) (array.new_default $vectors (i32.const 2)))
  (func (export "same") (param anyref) (result anyref) (local.get 0))
  (func (export "out") (param anyref) (result externref) (extern.convert_any (local.get 0)))
  (func (export "first") (param (ref $s)) (result i32) (struct.get $s 0 (local.get 0)))
  (func (export "throw") (throw $e (call $new)))
  (global (export "g") (mut anyref) (ref.null any)) (table (export "t") 2 anyref))"""


@pytest.fixture
def exports() -> Any:
    """A guest's."""
    return jormun.load(GUEST).exports


def test_the_same_object_is_the_same(exports: Any) -> None:
    """On all ways there and back."""
    made = exports.new()
    exports.g.value = exports.t[1] = made
    made[4] = made
    assert all(each is made for each in (exports.same(made), exports.out(made), exports.g.value, exports.t[1], made[4]))
    assert exports.new() is not made


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [(0, -5, -5), (1, -1, 255), (1, 255, 255), (3, bytes(range(16)), bytes(range(16))), (4, 77, 77), (5, "x", "x")],
)
def test_fields(field: int, value: object, read: object, exports: Any) -> None:
    """Are written as arguments are given, and packed ones are read unsigned."""
    made = exports.new()
    made[field] = value
    assert made[field] == read
    assert [made[k] for k in range(len(made)) if k != field] == [
        each for k, each in enumerate(exports.new()) if k != field
    ]


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        (0, 1 << 32, OverflowError),
        (1, 256, OverflowError),
        (1, -129, OverflowError),
        (1, 0.5, TypeError),
        (2, 0, TypeError),
        (3, bytes(15), TypeError),
        (6, len, TypeError),
        (7, 0, IndexError),
        (-8, 0, IndexError),
    ],
)
def test_fields_that_cannot_be_set(field: int, value: object, error: type[Exception], exports: Any) -> None:
    """A wrong value, an immutable field, no field."""
    made = exports.new()
    before = list(made)
    with pytest.raises(error):
        made[field] = value
    assert list(made) == before


def test_arrays(exports: Any) -> None:
    """Are rows of elements, maybe none."""
    assert list(exports.halves()) == [65535, 2]
    assert [len(exports.bytes(0)), list(exports.bytes(0)), bytes(exports.bytes(0).view())] == [0, [], b""]
    vectors = exports.vectors()
    vectors[-1] = bytes(range(16))
    assert list(vectors) == [bytes(16), bytes(range(16))]


def test_a_view_keeps_its_array(exports: Any) -> None:
    """When nothing else does, and other arrays are made."""
    view = exports.bytes(50_000).view()
    view[-1] = 7
    gc.collect()
    for _ in range(200):
        exports.bytes(50_000).view()[-1] = 9
    assert view[-1] == 7


def test_views_that_cannot_be_written_or_made(exports: Any) -> None:
    """Immutable elements are only read; references and vectors have none."""
    assert exports.halves().view().readonly
    for array in (exports.rows(), exports.vectors()):
        with pytest.raises(TypeError, match="no view"):
            array.view()


def test_types_of_objects_are_checked(exports: Any) -> None:
    """Subtypes are accepted, others, null and objects of other stores are not."""
    assert exports.first(exports.lower()) == 0
    for wrong in (exports.bytes(1), None, 5, jormun.load(GUEST).exports.new()):
        with pytest.raises(TypeError):
            exports.first(wrong)
    with pytest.raises(TypeError):
        exports.rows()[0] = None


def test_objects_that_are_thrown(exports: Any) -> None:
    """Exceptions have them as values."""
    with pytest.raises(jormun.WasmException) as caught:
        exports.throw()
    exports.bytes(1 << 20)
    assert caught.value.values[0][0] == 0


def test_objects_are_not_copied(exports: Any) -> None:
    """What is in them is."""
    with pytest.raises(TypeError, match="not copied"):
        copy.copy(exports.new())


def test_an_object_outlives_its_instance() -> None:
    """It keeps the store."""
    made = jormun.load(GUEST).exports.bytes(3)
    gc.collect()
    assert list(made) == [0, 0, 0]
