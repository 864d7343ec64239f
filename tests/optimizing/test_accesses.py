"""Accesses to memory trap exactly when the standard says, whatever LLVM makes of the code around them."""

from __future__ import annotations

import pytest

import jormun
from jormun.errors import Trap, TrapKind

PAGE = 65536
OPTIMIZING = jormun.Config(tier="optimizing")

DEAD_LOADS = {
    "dropped": "(drop (i32.load (local.get $p)))",
    "in a local": "(local.set $x (i32.load (local.get $p)))",
    "times zero": "(local.set $x (i32.mul (i32.load (local.get $p)) (i32.const 0)))",
    "and zero": "(local.set $x (i32.and (i32.load (local.get $p)) (i32.const 0)))",
    "minus itself": "(local.set $x (i32.sub (i32.load (local.get $p)) (i32.load (local.get $p))))",
    "a byte": "(drop (i32.load8_u (local.get $p)))",
    "a double": "(drop (f64.load (local.get $p)))",
    "a vector": "(drop (v128.load (local.get $p)))",
    "far behind": "(drop (i32.load offset=0xffffffff (local.get $p)))",
    "overwritten": "(i32.store (i32.const 0) (i32.load (local.get $p))) (i32.store (i32.const 0) (i32.const 1))",
    "in one branch": """(local.set $x (i32.load (local.get $p)))
        (if (local.get $n) (then (i32.store (i32.const 0) (local.get $x))))""",
}
LOOP = """
(loop $next
  {body}
  (local.set $p (i32.add (local.get $p) (i32.const {step})))
  (local.set $i (i32.add (local.get $i) (i32.const 1)))
  (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
"""


def instance(*functions: str) -> jormun.Instance:
    """An instance with a page of memory and functions f0, f1 ... of $p and $n."""
    texts = [
        f'(func (export "f{k}") (param $p i32) (param $n i32) (local $i i32) (local $x i32) {body})'
        for k, body in enumerate(functions)
    ]
    return jormun.load(f'(module (memory (export "memory") 1 1) {" ".join(texts)})', config=OPTIMIZING)


def kind_of_trap(instance: jormun.Instance, name: str, *arguments: int) -> TrapKind | None:
    """The trap that a call ends in."""
    try:
        instance.exports[name](*arguments)
    except Trap as trap:
        return trap.kind
    return None


@pytest.mark.parametrize("body", DEAD_LOADS.values(), ids=DEAD_LOADS)
def test_a_dead_load_traps(body: str) -> None:
    """A load whose value nobody needs traps beyond the end, in straight code."""
    f = instance(body)
    assert kind_of_trap(f, "f0", PAGE, 0) is TrapKind.MEMORY_OUT_OF_BOUNDS


@pytest.mark.parametrize("body", DEAD_LOADS.values(), ids=DEAD_LOADS)
def test_a_dead_load_traps_in_a_loop(body: str) -> None:
    """In a loop that LLVM may vectorise, the iteration that leaves the memory traps, and none before it."""
    f = instance(LOOP.format(body=body, step=1))
    if "0xffffffff" not in body:
        assert kind_of_trap(f, "f0", 1000, 64) is None
    assert kind_of_trap(f, "f0", PAGE - 64, 100) is TrapKind.MEMORY_OUT_OF_BOUNDS


@pytest.mark.parametrize(
    ("load", "store", "size"),
    [
        ("i32.load8_u", "i32.store8", 1),
        ("i32.load16_s", "i32.store16", 2),
        ("i32.load", "i32.store", 4),
        ("i64.load", "i64.store", 8),
        ("f32.load", "f32.store", 4),
        ("f64.load", "f64.store", 8),
        ("v128.load", "v128.store", 16),
    ],
)
def test_the_last_byte_decides(load: str, store: str, size: int) -> None:
    """An access that ends with the memory works; one a byte further traps, and a store there writes nothing."""
    f = instance(
        f"(drop ({load} (local.get $p)))",
        f"({store} (local.get $p) ({load} (i32.const 0)))",
        LOOP.format(body=f"({store} (local.get $p) ({load} (local.get $p)))", step=size),
    )
    memory = f.exports["memory"]
    memory.write(0, b"\xff" * 16)
    for name in ("f0", "f1"):
        assert kind_of_trap(f, name, PAGE - size, 0) is None
    memory.write(PAGE - 16, bytes(16))
    for name in ("f0", "f1", "f2"):
        assert kind_of_trap(f, name, PAGE - size + 1, 1) is TrapKind.MEMORY_OUT_OF_BOUNDS
    assert memory.read(PAGE - 16, 16) == bytes(16)
    assert kind_of_trap(f, "f2", PAGE - 64 * size, 64) is None
    assert kind_of_trap(f, "f2", PAGE - 64 * size, 65) is TrapKind.MEMORY_OUT_OF_BOUNDS


def test_stores_before_a_trap_are_there() -> None:
    """In straight code, stores before the access that traps have happened, and those behind it have not."""
    f = instance(
        """(i32.store (i32.const 8) (i32.const 1))
           (i32.store (i32.const 12) (i32.const 2))
           (i32.store (local.get $p) (i32.const 3))
           (i32.store (i32.const 8) (i32.const 4))"""
    )
    assert kind_of_trap(f, "f0", PAGE, 0) is TrapKind.MEMORY_OUT_OF_BOUNDS
    assert f.exports["memory"].read(8, 8) == bytes([1, 0, 0, 0, 2, 0, 0, 0])


BRANCHES = {
    "in both parts": "(then (i32.load (local.get $p))) (else (i32.load offset=4 (local.get $p)))",
    "in one part": "(then (i32.load (local.get $p))) (else (i32.const 9))",
    "in a loop": "(then (loop (result i32) (i32.load (local.get $p)))) (else (i32.const 9))",
    "behind a branch": """(then (block (br_if 1 (i32.load (local.get $p)) (local.get $n)) (drop)) (i32.const 8))
        (else (i32.const 9))""",
}


@pytest.mark.parametrize("parts", BRANCHES.values(), ids=BRANCHES)
def test_an_address_is_good_where_it_was_not_used_before(parts: str) -> None:
    """An address that waits on the stack serves behind a block of which only some ways have used it."""
    f = instance(f"(i32.store (local.get $p) (i32.add (i32.const 1) (if (result i32) (local.get $n) {parts})))")
    memory = f.exports["memory"]
    for n, expected in ((1, 6), (0, 8 if "offset" in parts else 10)):
        memory.write(16, bytes([5, 0, 0, 0, 7, 0, 0, 0]))
        f.exports["f0"](16, n)
        assert memory.read(16, 1) == bytes([expected])


def test_an_endless_recursion_exhausts_the_stack() -> None:
    """LLVM makes no endless loop of it."""
    f = jormun.load('(module (func $f (export "f") (call $f)))', config=OPTIMIZING)
    with pytest.raises(jormun.ExhaustionError, match="call stack exhausted"):
        f.exports.f()


def test_a_narrow_exchange_compares_narrowly() -> None:
    """What an atomic exchange expects is cut to the width of the access, as the threads proposal says."""
    exports = jormun.load(
        """(module (memory 1) (func (export "f") (param i32 i64) (result i32)
        (drop (i32.atomic.rmw16.cmpxchg_u (i32.const 0) (local.get 0) (i32.const 0x98765)))
        (drop (i64.atomic.rmw32.cmpxchg_u (i32.const 4) (local.get 1) (i64.const 0x1_0000_0002)))
        (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 4)))))""",
        config=OPTIMIZING,
    ).exports
    assert exports.f(0x7FFF_0000, 0xF_0000_0000) == 0x8767
    assert exports.f(0x7FFF_0000, 0xF_0000_0000) == 0x8767
    assert exports.f(0x10_8765, -2) == 0x8767
