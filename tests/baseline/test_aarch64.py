"""Baseline code for aarch64, made and emulated on whatever machine this is."""

from __future__ import annotations

import random
import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from librt.strings import BytesWriter

import jormun
from jormun.baseline import aarch64
from jormun.baseline.aarch64 import FRAME, FRAME_BIAS, LATE, MOVK, MOVN, MOVZ, SCRATCH
from jormun.baseline.catalogue import VALUE
from jormun.baseline.engine import BaselineEngine
from jormun.baseline.stencil_build.aarch64 import AArch64
from jormun.baseline.stencil_build.aarch64_assembler import assembled
from jormun.baseline.stencil_build.build import families, text_of
from jormun.baseline.stencil_build.variants import row_variants
from jormun.binary.encode import encode
from jormun.errors import TrapKind, UnsupportedError
from jormun.llvm.pipeline import Effort, assembly_of
from jormun.runtime.metering.costs import Costs
from jormun.runtime.metering.fuel import NEVER
from tests.baseline.aarch64_emulator import EmulatedInstance
from tests.baseline.test_places import ROWS, functions, module_of, outcome, unified

BASELINE = jormun.Config(tier="baseline", cache=False)


_NOT_OURS = re.compile(r"\b([xw](15|18|19|2[3-9]|30)|[vqdshb]([89]|1[0-5]))\b")


@pytest.mark.parametrize("chunk", range(4))
def test_stencils_keep_what_is_not_theirs(chunk: int) -> None:
    """The registers of callers, and the one that holes take, are in no stencil, as LLVM's assembly shows them."""
    variants = [v for each in families()[0] for v in row_variants(each.row, each.kind, each.first)][chunk::4]
    for line in assembly_of(text_of(AArch64(), variants), AArch64.target, Effort.BRIEF).splitlines():
        code = line.split("//", 1)[0]
        if line.startswith("\t") and not code.lstrip().startswith("."):
            assert not _NOT_OURS.search(code), line


def test_a_library_for_each_machine_has_the_same_stencils() -> None:
    """All variants, and pieces of the same names."""
    x86_64, arm = BaselineEngine().library, BaselineEngine(architecture="aarch64").library
    assert arm.families == x86_64.families and arm.pieces.keys() == x86_64.pieces.keys()
    for row in ROWS:
        for variant in row_variants(row, VALUE, arm.families[row.code, VALUE]):
            assert arm.has(variant.number), (row.name, variant)
            assert len(arm.read(variant.number)[0]) % 4 == 0


@pytest.mark.parametrize("chunk", range(0, len(ROWS), 25))
def test_rows(chunk: int) -> None:
    """Each stamped row, with operands in all places and at all heights, does what it does on this machine."""
    source = random.Random(chunk)
    made = [(row, function) for row in ROWS[chunk : chunk + 25] for function in functions(row, source)]
    bodies = [function for _, function in made]
    module = jormun.Module(encode(module_of(bodies)), config=BASELINE)
    # Before anything runs on this machine: memory is what the functions before have made of it.
    emulated = EmulatedInstance(module)
    instance = jormun.Instance(module)
    for k, (row, (_, _, arguments)) in enumerate(made):
        expected = outcome(instance.exports[str(k)], arguments)
        assert unified(emulated.call(k, arguments), row) == unified(expected, row), (row.name, k, bodies[k])


MODULE = """(module (memory 1) (data (i32.const 0) "\\10\\20\\30\\40\\50\\60\\70\\80")
  (type $unary (func (param i64) (result i64))) (type $binary (func (param i32 i32) (result i32)))
  (table 4 funcref) (elem (i32.const 0) $double $add $double)
  (global $g (mut i64) (i64.const 41)) (global $v (mut v128) (v128.const i64x2 3 4))
  (func $double (type $unary) (i64.add (local.get 0) (local.get 0)))
  (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
  (func $by_table (export "by_table") (param i32 i64) (result i64)
    (call_indirect (type $unary) (local.get 1) (local.get 0)))
  (func (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call 3 (i32.sub (local.get 0) (i32.const 1))) (call 3 (i32.sub (local.get 0) (i32.const 2)))))))
  (func $pair (export "pair") (param i64 f64 i32) (result i64 f64 i32) (local.get 0) (local.get 1) (local.get 2))
  (func (export "pairs") (param i64 f64) (result i64) (local i32 f64)
    (call $pair (local.get 0) (local.get 1) (i32.const 7))
    (local.set 2) (local.set 3) (i64.add (i64.extend_i32_s (local.get 2)))
    (i64.add (i64.trunc_sat_f64_s (local.get 3))))
  (func $many (export "many") (param i32 i64 i32 i64 i32 i64 i32 i64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f32 v128)
    (result i64) (i64.add (local.get 7) (i64.add (i64.mul (local.get 5) (i64.extend_i32_u (local.get 6)))
      (i64.add (i64x2.extract_lane 1 (local.get 18)) (i64.trunc_f64_s (f64.add (local.get 16)
        (f64.promote_f32 (local.get 17))))))))
  (func (export "calls_many") (param i64) (result i64) (call $many (i32.const 1) (local.get 0) (i32.const 3)
    (i64.const 4) (i32.const 5) (local.get 0) (i32.const 7) (i64.const 0x123456789) (f64.const 1) (f64.const 2)
    (f64.const 3) (f64.const 4) (f64.const 5) (f64.const 6) (f64.const 7) (f64.const 8) (f64.const 9) (f32.const 2.5)
    (v128.const i64x2 11 12)))
  (func (export "global") (param i64) (result i64) (global.set $g (i64.mul (global.get $g) (local.get 0)))
    (global.set $v (i64x2.add (global.get $v) (global.get $v)))
    (i64.add (global.get $g) (i64x2.extract_lane 1 (global.get $v))))
  (func (export "switch") (param i32) (result i32) (local i32)
    (block $d (block $c (block $b (block $a (br_table $a $b $c $d (local.get 0)))
      (return (i32.const 10))) (return (i32.const 20))) (local.set 1 (i32.const 30))) (local.get 1))
  (func (export "sum") (param i32) (result i64) (local i64)
    (loop $l (local.set 1 (i64.add (local.get 1) (i64.extend_i32_u (local.get 0))))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1))
  (func (export "tail") (param i32 i64) (result i64) (if (result i64) (local.get 0)
    (then (return_call 10 (i32.sub (local.get 0) (i32.const 1)) (i64.add (local.get 1) (i64.const 3))))
    (else (local.get 1))))
  (func (export "load") (param i32) (result i64) (i64.load32_u offset=3 (local.get 0)))
  (func (export "pick") (param i32 f64 v128 v128) (result f64) (f64.add
    (select (local.get 1) (f64.const 5) (local.get 0))
    (f64x2.extract_lane 0 (select (local.get 2) (local.get 3) (i32.eqz (local.get 0))))))
  (func (export "shuffle") (param v128 v128) (result v128)
    (i8x16.shuffle 31 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 (local.get 0) (local.get 1)))
  (func (export "table") (param i32) (result i32) (ref.is_null (table.get (local.get 0))))
  (func (export "unreachable") (result i32) unreachable))"""
CALLS = [
    *((2, [k, 21]) for k in range(5)),
    (3, [12]),
    (4, [1 << 63, 0x4004_0000_0000_0000, 0xFFFF_FFFF]),
    (5, [5, 0x4024_0000_0000_0000]),
    (7, [3]),
    (8, [2]),
    (8, [5]),
    *((9, [k]) for k in (0, 1, 2, 3, 1 << 31)),
    (10, [1000]),
    (11, [1000, 1]),
    *((12, [k]) for k in (0, 1, 65_529)),
    *((13, [k, 0x3FF0_0000_0000_0000, 0x4000_0000_0000_0000, 0x4010_0000_0000_0000]) for k in (0, 1)),
    (14, [0x0F0E_0D0C_0B0A_0908_0706_0504_0302_0100, 0x1F1E_1D1C_1B1A_1918_1716_1514_1312_1110]),
    *((15, [k]) for k in (0, 3, 4)),
    (16, []),
]


def test_functions() -> None:
    """Calls of all kinds, values that many registers do not hold, branches, globals, tables, and traps."""
    module = jormun.Module(MODULE.replace("return_call 10", "return_call 11"), config=BASELINE)
    emulated = EmulatedInstance(module)
    instance = jormun.Instance(module)
    exports = {e.index: e.name for e in module.blueprint.exports}
    for index, arguments in CALLS:
        expected = outcome(instance.exports[exports[index]], arguments)
        assert emulated.call(index, arguments) == expected, (exports[index], arguments)


@pytest.mark.parametrize("count", [1, 2_000, 2_100, 20_000])
def test_frames_that_offsets_do_not_reach(count: int) -> None:
    """Slots beyond the field of a load are reached all the same, and locals begin as 0."""
    module = jormun.Module(
        f"""(module (memory 1) (func (param i64) (result i64) (local {"i64 " * count})
             (local.set {count} (i64.add (local.get {count}) (local.get 0)))
             (i64.add (i64.const 1) (local.get {count}))))""",
        config=BASELINE,
    )
    emulated = EmulatedInstance(module)
    assert [emulated.call(0, [41]), emulated.call(0, [1 << 40])] == [[42], [(1 << 40) + 1]]


def test_a_stack_without_room_is_a_trap() -> None:
    """Large frames are checked before they are made."""
    module = jormun.Module(
        f"(module (memory 1) (func $f (result i32) (local {'i64 ' * 50_000}) (call $f)))", config=BASELINE
    )
    assert EmulatedInstance(module).call(0, []) is TrapKind.STACK_EXHAUSTED


# Fields.


@given(st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-(1 << 17), 1 << 17), st.booleans())
def test_constants(value: int, is_wide: bool) -> None:
    """The moves leave the number in the register, and are no more than halves that are neither all zeros nor ones."""
    out = BytesWriter()
    aarch64.put_constant(out, 7, value, is_wide)
    bits = 64 if is_wide else 32
    register = 0
    words = _words(out.getvalue())
    for k, word in enumerate(words):
        assert word & 31 == 7 and word >> 31 == is_wide
        shift, half = (word >> 21 & 3) * 16, word >> 5 & 0xFFFF
        move = word & 0x7F80_0000
        assert (move == MOVK) == (k > 0)
        register = {
            MOVZ: half << shift,
            MOVN: ~(half << shift),
            MOVK: register & ~(0xFFFF << shift) | half << shift,
        }[move] & ((1 << bits) - 1)
    assert register == value & (1 << bits) - 1
    halves = [value >> at & 0xFFFF for at in range(0, bits, 16)]
    assert len(words) == max(1, min(sum(h != 0 for h in halves), sum(h != 0xFFFF for h in halves)))


@pytest.mark.parametrize(
    ("text", "scale"),
    [("ldr w3, ", 4), ("str x3, ", 8), ("ldr s3, ", 4), ("str q3, ", 16), ("ldrsb w3, ", 1), ("strh w3, ", 2)],
)
@pytest.mark.parametrize("offset", [-FRAME_BIAS, 4095 - FRAME_BIAS, -64, -48, -28, -16, 0, 100_000, -100_000])
def test_offsets_of_slots(text: str, scale: int, offset: int) -> None:
    """In the instruction if its field takes them, in x15 if not."""
    (instruction,) = assembled(f"{text}[x{FRAME}, hole_x]")
    out = BytesWriter()
    aarch64.fill(out, instruction.word, offset)
    *before, last = _words(out.getvalue())
    field, left = divmod(offset + FRAME_BIAS, scale)
    if left or not 0 <= field < 4096:
        assert before and all(word & 31 == SCRATCH for word in before)
        assert last >> 16 & 31 == SCRATCH and last >> 21 & 1 and not last >> 24 & 1
    else:
        assert not before and last == instruction.word | field << 10


def test_distances() -> None:
    """From a place to the target, as an instruction has it; too far is refused."""
    code = struct.pack("<5i", 8, 0, -8, 0x1234_5678, 0)
    jump, literal = aarch64.JUMP, aarch64.LITERAL | 5
    sites = [(0, jump), (4, literal), (8, jump), (12, LATE)]
    words = _words(aarch64.finish(code, sites))
    assert words[:3] == [jump | 3, literal | 1 << 5, jump | (1 << 26) - 1]
    assert words[3:] == [LATE | 0x5678 << 5, MOVK | 1 << 21 | 0x1234 << 5 | SCRATCH]
    with pytest.raises(UnsupportedError, match="1 MiB"):
        aarch64.finish(struct.pack("<i", 1 << 20), [(0, literal)])


def _words(data: bytes) -> list[int]:
    return [word for (word,) in struct.iter_unpack("<I", data)]


FUEL = """(module (memory 1)
  (func (export "rounds") (param i32 i32) (result i32) (local i32)
    (loop $l (local.set 2 (i32.add (local.get 2) (i32.const 3)))
      (br_if $l (i32.ne (local.tee 0 (i32.add (local.get 0) (i32.const 4))) (local.get 1)))) (local.get 2))
  (func (export "down") (param i32) (result i32) (local i32)
    (loop $l (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if $l (local.tee 0 (i32.add (local.get 0) (i32.const -1))))) (local.get 1))
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "while") (param i32) (result i32) (local i32)
    (block $out (loop $l (br_if $out (i32.eqz (local.get 0)))
      (local.set 1 (i32.xor (local.get 1) (i32.mul (local.get 0) (local.get 0))))
      (local.set 0 (i32.shr_u (local.get 0) (i32.const 1))) (br $l))) (local.get 1)))"""
PAID = [(0, [5, 45]), (0, [8, 8 + 400]), (0, [-12 & 0xFFFF_FFFF, 4]), (1, [17]), (2, [9]), (3, [0xABC])]


@pytest.mark.parametrize("index, arguments", PAID, ids=str)
def test_fuel(index: int, arguments: list[int]) -> None:
    """Metered code pays what it pays on this machine, and asks for what lacks, with what a charge left, when due."""
    costs = Costs()
    module = jormun.Module(FUEL, config=BASELINE)
    instance = jormun.Instance(module, limits=jormun.Limits(fuel=10**9))
    emulated = EmulatedInstance(module, costs)
    emulated.fuel = 10**9
    function = instance.exports[list(instance.exports)[index]]
    assert emulated.call(index, arguments) == function.call_bits(arguments)
    used = 10**9 - emulated.fuel
    assert used == instance.limits.usage.fuel > 0
    emulated.fuel = used
    assert emulated.call(index, arguments) == function.call_bits(arguments)
    assert emulated.fuel == 0
    emulated.fuel = used - 1
    assert emulated.call(index, arguments) == TrapKind.FUEL_EXHAUSTED
    _, then, charge = emulated.asked
    assert -charge <= then - (1 << 64) < 0 < charge <= used


def test_a_loop_that_never_ends_is_not_paid() -> None:
    """It asks for more than there can be."""
    emulated = EmulatedInstance(jormun.Module(FUEL, config=BASELINE), Costs())
    emulated.fuel = 10**18
    assert emulated.call(0, [1, 4]) == TrapKind.FUEL_EXHAUSTED
    assert emulated.asked[2] == NEVER
