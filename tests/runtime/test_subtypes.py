"""Subtyping by number, as call_indirect asks for it."""

from __future__ import annotations

import pytest

from jormun.errors import Trap, TrapKind
from jormun.runtime.subtypes import is_subtype, keep_declared

from .conftest import compiled

CHAIN = """(type $a (sub (func (result anyref)))) (type $b (sub $a (func (result eqref))))
  (type $c (sub final $b (func (result (ref null i31))))) (type $other (sub (func (param i64) (result anyref))))"""


def test_declared_supertypes_match_at_any_remove() -> None:
    """A type matches itself and those above it."""
    a, b, c, other = compiled(f"(module {CHAIN})").valid.types
    kept = keep_declared((a, b, c, other))
    assert len(kept) == 2
    assert is_subtype(c.id, a.id) and is_subtype(c.id, b.id) and is_subtype(b.id, a.id) and is_subtype(a.id, a.id)
    assert not is_subtype(a.id, b.id) and not is_subtype(c.id, other.id) and not is_subtype(other.id, a.id)


def test_what_is_not_kept_matches_itself_alone() -> None:
    """Types are forgotten with the modules that declare them."""
    chain = CHAIN.replace("(param i64)", "(param i64 i64 f32)").replace("(func (result", "(func (param f64) (result")
    module = compiled(f"(module {chain})")
    a, b, *_ = module.valid.types
    del module
    assert not is_subtype(b.id, a.id)
    kept = keep_declared((b,))
    assert is_subtype(b.id, a.id)
    del kept


def test_indirect_calls_accept_subtypes(make) -> None:
    """A function of a subtype may be called, one of another type not."""
    exports = make(f"""(module {CHAIN} (table 3 funcref) (elem (i32.const 0) func $f $g $h)
      (func $f (type $c) (ref.null i31)) (func $g (type $a) (ref.null any))
      (func $h (type $other) (ref.null any))
      (func (export "as a") (param i32) (result i32)
        (ref.is_null (call_indirect (type $a) (local.get 0))))
      (func (export "as b") (param i32) (result i32)
        (ref.is_null (call_indirect (type $b) (local.get 0)))))""").exports
    assert [exports["as a"].call(k) for k in (0, 1)] == [1, 1]
    assert exports["as b"].call(0) == 1
    for name, index in (("as b", 1), ("as a", 2), ("as b", 2)):
        with pytest.raises(Trap) as trapped:
            exports[name].call(index)
        assert trapped.value.kind is TrapKind.INDIRECT_CALL_TYPE_MISMATCH
