"""Tables that begin in ordinary memory and move when they grow."""

from __future__ import annotations

import threading

import pytest

import jormun
from jormun.runtime.budget import Budget
from jormun.runtime.growing_space import GrowingSpace
from jormun.runtime.native import pages

TEXT = """(module (table $t (export "table") 3 funcref) (elem (i32.const 1) $one $two)
  (type $f (func (result i32))) (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
  (func (export "call") (param i32) (result i32) (call_indirect $t (type $f) (local.get 0)))
  (func (export "grow") (param i32) (result i32) (table.grow $t (table.get $t (i32.const 2)) (local.get 0)))
  (func (export "sum") (param i32) (result i32) (local $sum i32) (loop $l
    (local.set $sum (i32.add (local.get $sum) (call_indirect $t (type $f) (i32.const 1))))
    (drop (table.grow $t (ref.null func) (i32.const 1)))
    (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get $sum)))"""


def test_bytes_move_once_and_stay_readable_where_they_were() -> None:
    """What is committed beyond the beginning has the same bytes first, then zeros; the budget pays for one of both."""
    budget = Budget(1 << 20)
    space = GrowingSpace(1 << 16, 24, budget)
    assert space.commit(24) and budget.taken_bytes == 24 and not space.moves(24)
    before = space.base
    pages.write_bytes(before, bytes(range(24)))
    assert space.moves(32) and space.commit(32) and space.base != before
    assert pages.read_bytes(space.base, 32) == bytes(range(24)) + bytes(8)
    assert pages.read_bytes(before, 24) == bytes(range(24))
    assert budget.taken_bytes == space.committed_bytes == 4096
    moved = space.base
    assert space.commit(8192) and space.base == moved and not space.commit(1 << 17)
    space.reset(24)
    assert budget.taken_bytes == 0 and space.base == before and space.committed_bytes == 24


def test_what_the_budget_refuses_leaves_it_where_it_is() -> None:
    """The reason is the budget's, and nothing more is taken."""
    budget = Budget(1000)
    space = GrowingSpace(1 << 16, 24, budget)
    assert space.commit(24)
    before = space.base
    assert not space.commit(32) and "1,000 bytes" in space.reason
    assert space.base == before and budget.taken_bytes == space.committed_bytes == 24


@pytest.mark.parametrize("tier", ["baseline", "optimizing"])
def test_guests_find_a_table_that_moved(tier: str) -> None:
    """After growing by the guest itself, in a loop too, and from Python; in instances made of parts of others again."""
    module = jormun.Module(TEXT, config=jormun.Config(tier=tier))  # type: ignore[arg-type]
    for _ in range(4):
        exports = jormun.Instance(module).exports
        assert (exports.call(1), exports.call(2), len(exports.table)) == (1, 2, 3)
        assert exports.grow(2) == 3
        assert exports.call(4) == 2
        assert exports.sum(1000) == 1000
        assert exports.table.grow(5) == 1005 and exports.call(4) == 2
        exports.table[1009] = exports.table[1]
        assert exports.call(1009) == 1


def test_python_waits_for_a_guest_before_it_moves_a_table() -> None:
    """So that nothing is written where the table was; who is called by the guest need not wait."""
    inside, release = threading.Event(), threading.Event()

    def wait() -> None:
        inside.set()
        release.wait()

    table = jormun.load('(module (table (export "t") 1 externref))').exports.t
    text = """(module (import "e" "wait" (func $wait)) (import "e" "t" (table $t 1 externref))
      (func (export "run") (param externref) (call $wait) (table.set $t (i32.const 0) (local.get 0))))"""
    run = jormun.load(text, {"e": {"wait": wait, "t": table}}).exports.run
    guest = threading.Thread(target=run, args=("written",))
    guest.start()
    inside.wait()
    growing = threading.Thread(target=table.grow, args=(1000,))
    growing.start()
    growing.join(0.05)
    assert growing.is_alive()
    release.set()
    for thread in (guest, growing):
        thread.join()
    assert table[0] == "written" and len(table) == 1001
    nested = jormun.load('(module (table (export "t") 1 externref))').exports.t
    jormun.load(text, {"e": {"wait": lambda: nested.grow(7) and None, "t": nested}}).exports.run("nested")
    assert nested[0] == "nested" and len(nested) == 8
