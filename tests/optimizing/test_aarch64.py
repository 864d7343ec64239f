"""Code for aarch64, as far as another machine tells: by its shape, and by an emulator, Unicorn."""

from __future__ import annotations

import struct

import pytest

import jormun
from jormun.optimizing.destination import destination
from jormun.optimizing.engine import OptimizingEngine
from jormun.runtime.image import CodeImage
from jormun.runtime.layout import Layout

MODULE = """(module (memory 1)
  (func $g (param f64 f64) (result f64) (f64.add (f64.mul (local.get 0) (local.get 1)) (f64.const 1.7)))
  (func (export "mix") (param i32 i64 f64) (result f64)
    (call $g (local.get 2) (f64.convert_i64_s (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)))))
  (func (export "switch") (param i32) (result i32) (local i32)
    (block $e (block $d (block $c (block $b (block $a (br_table $a $b $c $d $e $a (local.get 0)))
      (local.set 1 (i32.add (local.get 1) (i32.const 3)))) (local.set 1 (i32.mul (local.get 1) (i32.const 7))))
      (local.set 1 (i32.xor (local.get 1) (i32.const 0x5555)))) (local.set 1 (i32.rotl (local.get 1) (i32.const 5))))
    (local.get 1))
  (func (export "sum") (param i32) (result i32) (local i32 i32)
    (loop $l (i32.store (local.get 2) (i32.mul (local.get 2) (i32.const 3)))
      (br_if $l (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 4))) (local.get 0))))
    (local.set 2 (i32.const 0))
    (loop $l (local.set 1 (i32.add (local.get 1) (i32.load (local.get 2)))) (drop (i32.load offset=16 (local.get 2)))
      (br_if $l (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 4))) (local.get 0))))
    (local.get 1))
  (func (export "lanes") (param i32) (result i32) (i8x16.extract_lane_u 3 (i8x16.swizzle
    (i16x8.q15mulr_sat_s (i32x4.splat (local.get 0)) (v128.const i16x8 1 2000 3 4000 5 6000 7 8000))
    (v128.const i8x16 15 14 13 1 11 10 9 8 7 6 5 4 3 2 1 0))))
  (func $fib (export "fib") (param i32) (result i32) (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
    (then (local.get 0))
    (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                   (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "exchange") (param i32 i64) (result i64)
    (i64.store (i32.const 8) (i64.const 5))
    (drop (i64.atomic.rmw.cmpxchg (local.get 0) (i64.const 5) (local.get 1))) (i64.load (i32.const 8))))"""
CALLS: list[tuple[str, int, tuple[int | float, ...]]] = [
    ("mix", 1, (3, -5, 2.5)),
    *(("switch", 2, (k,)) for k in range(7)),
    ("sum", 3, (4000,)),
    *(("lanes", 4, (k * 0x1234567,)) for k in range(5)),
    ("fib", 5, (10,)),
    ("exchange", 6, (8, 77)),
]
MACHINES = [("aarch64-linux", "generic"), ("aarch64-linux", "neoverse-n1"), ("arm64-macos", "apple-m1")]
RETURN = 0xD65F03C0


def _compiled(triple: str, cpu: str) -> tuple[jormun.Module, CodeImage]:
    module = jormun.Module(MODULE, config=jormun.Config(tier="optimizing", cache=False))
    engine = OptimizingEngine(destination(triple, cpu).target)
    images = [engine.compile(module.valid, Layout(module.blueprint), (k,)) for k in range(1, 7)]
    return module, CodeImage.joined([engine.compile(module.valid, Layout(module.blueprint), (0, 1)), *images[1:]])


@pytest.mark.parametrize(("triple", "cpu"), MACHINES)
def test_shape(triple: str, cpu: str) -> None:
    """All functions are there, in whole instructions, and return; nothing is left to link (code_image refuses it)."""
    _, image = _compiled(triple, cpu)
    assert image.architecture == "aarch64"
    assert {f.index for f in image.functions if f.kind == "f"} == set(range(7))
    for function in image.functions:
        assert function.offset % 4 == function.size_bytes % 4 == 0
        code = bytes(image.code[function.offset : function.offset + function.size_bytes])
        assert RETURN in struct.unpack(f"<{len(code) // 4}I", code)


@pytest.mark.parametrize(("triple", "cpu"), MACHINES)
def test_behaviour(triple: str, cpu: str) -> None:
    """An emulated CPU computes what this one does, wherever the image lies."""
    unicorn = pytest.importorskip("unicorn")
    arm = pytest.importorskip("unicorn.arm64_const")
    module, image = _compiled(triple, cpu)
    exports = jormun.Instance(module).exports
    code, stack, vm, memory, end = (k << 32 for k in range(1, 6))
    emulator = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    emulator.ctl_set_cpu_model(arm.UC_CPU_ARM64_MAX)
    for address, size_bytes in ((code, 1 << 20), (stack, 1 << 20), (vm, 1 << 16), (memory, 1 << 16), (end, 4096)):
        emulator.mem_map(address, size_bytes)
    code += 3 * 4096
    emulator.mem_write(code, bytes(image.code))
    base = Layout(module.blueprint).memory_base_offset(0)
    emulator.mem_write(vm + base, memory.to_bytes(8, "little"))
    for name, index, arguments in CALLS:
        function = next(f for f in image.functions if (f.kind, f.index) == ("f", index))
        integers, floats = 1, 0
        emulator.reg_write(arm.UC_ARM64_REG_X0, vm)
        for each in arguments:
            if isinstance(each, float):
                (bits,) = struct.unpack("<Q", struct.pack("<d", each))
                emulator.reg_write(arm.UC_ARM64_REG_D0 + floats, bits)
                floats += 1
            else:
                emulator.reg_write(arm.UC_ARM64_REG_X0 + integers, each & (1 << 64) - 1)
                integers += 1
        emulator.reg_write(arm.UC_ARM64_REG_SP, stack + (1 << 19))
        emulator.reg_write(arm.UC_ARM64_REG_LR, end)
        emulator.emu_start(code + function.offset, end, count=1_000_000)
        assert emulator.reg_read(arm.UC_ARM64_REG_PC) == end
        expected = exports[name](*arguments)
        if isinstance(expected, float):
            bits = emulator.reg_read(arm.UC_ARM64_REG_D0)
            assert struct.unpack("<d", struct.pack("<Q", bits))[0] == expected, (name, arguments)
        else:
            bits = emulator.reg_read(arm.UC_ARM64_REG_X0) & 0xFFFF_FFFF
            assert bits == expected & 0xFFFF_FFFF, (name, arguments)
