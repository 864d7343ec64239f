"""What is found once for all instances of a module that imports WASI alone is what each of them would find."""

from __future__ import annotations

import pytest

import jormun
from jormun.errors import LinkError

WRITE = '(import "{}" "fd_write" (func ${} (param i32 i32 i32 i32) (result i32)))'
CLOCK = '(import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))'
DATA = '(memory (export "memory") 1) (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")'
BOTH = f"""(module {WRITE.format("wasi_snapshot_preview1", "new")} {WRITE.format("wasi_unstable", "old")} {CLOCK} {DATA}
  (func (export "new") (result i32) (call $new (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
  (func (export "old") (result i32) (call $old (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
  (func (export "time") (result i64)
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 24))) (i64.load (i32.const 24))))"""


def test_both_modules_of_wasi_in_worlds_of_their_own() -> None:
    """Each function is where it is imported, and reaches its own instance's world and memory."""
    module = jormun.Module(BOTH)
    for text in (b"first\n", b"again\n", b"third\n"):
        with jormun.Wasi(capture_output=True) as world:
            exports = module.instantiate(wasi=world).exports
            exports.memory[8:14] = text
            assert (exports.new(), exports.old(), exports.new()) == (0, 0, 0)
            assert world.stdout == 3 * text


def test_worlds_of_several_kinds() -> None:
    """Fixed clocks are fixed after an instance with the host's, and the host's run on behind one with fixed ones."""
    module = jormun.Module(BOTH)
    for is_fixed in (False, True, False, True):
        times = [module.instantiate(wasi=jormun.Wasi(deterministic=is_fixed)).exports.time() for _ in range(2)]
        assert (times[0] < 1 << 60) == is_fixed and (times[0] == times[1]) == is_fixed


def test_others_are_linked_as_ever() -> None:
    """What the user gives comes before WASI, and what does not match, or is not there, is said each time."""
    module = jormun.Module(BOTH)
    given = {"wasi_snapshot_preview1": {"fd_write": lambda *_: 7}}
    for imports, expected in ((None, 0), (given, 7), (None, 0)):
        with jormun.Wasi(capture_output=True) as world:
            assert module.instantiate(imports, wasi=world).exports.new() == expected
    for wrong, message in (
        ('(import "wasi_snapshot_preview1" "fd_write" (func (param i64)))', "incompatible import type"),
        ('(import "wasi_snapshot_preview1" "fd_wrote" (func))', "unknown import"),
        ('(import "wasi_unstable" "sock_accept" (func (param i32 i32 i32) (result i32)))', "unknown import"),
    ):
        module = jormun.Module(f"(module {wrong})")
        for _ in range(2):
            with pytest.raises(LinkError, match=message):
                module.instantiate(wasi=jormun.Wasi())
