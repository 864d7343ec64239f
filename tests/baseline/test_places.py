"""Each stamped row, with operands in all places and at all heights of the stack, does what the optimizing tier does."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import pytest

import jormun
from jormun.baseline import catalogue
from jormun.baseline.engine import BaselineEngine
from jormun.baseline.stencil_build.variants import row_variants
from jormun.binary.encode import encode
from jormun.opcodes.immediates import Immediate, ImmediateValue, MemArg
from jormun.opcodes.ops import Shape
from jormun.opcodes.signatures import Address, Signature
from jormun.opcodes.table import BY_NAME, Row
from jormun.runtime.function import Function
from jormun.syntax.code import encode_instruction
from jormun.syntax.expression import Expr
from jormun.syntax.function import Function as FunctionSyntax
from jormun.syntax.module import Export, Module
from jormun.types import F32, F64, I32, I64, V128, ExternKind, FuncType, Limits, MemoryType, RecType, SubType, ValType

NUMBERS = {
    I32: [0, 1, 2, 31, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xDEAD_BEEF],
    I64: [0, 1, 63, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 63, (1 << 63) - 1, (1 << 64) - 1, 0x0123_4567_89AB_CDEF],
    F32: [struct.unpack("<I", struct.pack("<f", x))[0] for x in (0.0, -0.0, 1.5, -2.75, 3e9, -1e20, float("inf"))]
    + [0x7FC0_0000, 0xFFA0_0001],
    F64: [struct.unpack("<Q", struct.pack("<d", x))[0] for x in (0.0, -0.0, 1.5, -2.75, 3e9, -1e20, float("inf"))]
    + [0x7FF8_0000_0000_0000, 0xFFF4_0000_0000_0001],
}
PLACES = "local", "constant", "register"
ROWS = catalogue.stamped_rows()


def values(t: ValType | Address, source: random.Random) -> int:
    """An interesting value of a type, as bits."""
    if isinstance(t, Address):
        return source.choice([0, 8, 64, 65_400])
    if t is V128:
        return source.choice([0, (1 << 128) - 1, source.getrandbits(128), source.getrandbits(128)])
    return source.choice(NUMBERS[t])


def concrete(t: ValType | Address) -> ValType:
    """The value type of an operand."""
    return I32 if isinstance(t, Address) else t


class Body:
    """Instructions that are put together."""

    def __init__(self) -> None:
        self.code = bytearray()

    def add(self, name: str, *immediates: ImmediateValue) -> None:
        """Append an instruction."""
        encode_instruction(self.code, BY_NAME[name][0], immediates)

    def constant(self, t: ValType, bits: int) -> None:
        """Append a constant."""
        if t is V128:
            self.add("v128.const", bits.to_bytes(16, "little"))
        elif t in (I32, I64):
            width = 32 if t is I32 else 64
            self.add(f"{t}.const", bits - (bits >> width - 1 << width))
        else:
            self.add(f"{t}.const", bits)

    def operand(self, t: ValType, place: str, local: int, bits: int) -> None:
        """Append what has an operand in a place: a local, a constant, or the result of an instruction."""
        if place == "constant":
            self.constant(t, bits)
            return
        self.add("local.get", local)
        if place == "register":
            self.add("nop")
            self.constant(I32, 1)
            self.add("local.get", local)
            self.add("nop")
            encode_instruction(self.code, BY_NAME["drop"][0], ())
            encode_instruction(self.code, BY_NAME["drop"][0], ())
            # A value in a register: what a local is set to, and kept.
            self.add("global.set", {I32: 0, I64: 1, F32: 2, F64: 3, V128: 4}[t])
            self.add("global.get", {I32: 0, I64: 1, F32: 2, F64: 3, V128: 4}[t])


def functions(row: Row, source: random.Random) -> Iterator[tuple[FuncType, bytes, list[int]]]:
    """Functions that run a row once, and arguments for them."""
    assert isinstance(row.signature, Signature)
    params = tuple(concrete(t) for t in row.signature.params)
    results = tuple(concrete(t) for t in row.signature.results)
    combinations = (
        [(p, q) for p in PLACES for q in PLACES] if len(params) == 2 else [(p,) * len(params) for p in PLACES]
    )
    for places in combinations:
        for height in range(catalogue.HEIGHTS):
            arguments = [values(t, source) for t in row.signature.params]
            body = Body()
            for k in range(height):
                body.constant(I64, k)
                if k % 2:
                    body.add("global.set", 1)
                    body.add("global.get", 1)
            for k, (t, place) in enumerate(zip(params, places, strict=True)):
                body.operand(t, place, k, arguments[k])
            immediates: list[ImmediateValue] = []
            for kind in row.immediates:
                if kind is Immediate.MEMARG:
                    immediates.append(MemArg(row.natural_alignment, source.choice([0, 0, 8, 128])))
                elif kind is Immediate.LANE:
                    immediates.append(source.randrange(row.lane_count))
                else:
                    immediates.append(0)
            encode_instruction(body.code, row, immediates)
            # What lies below is dropped at the end, by a return.
            body.add("return")
            body.add("end")
            yield FuncType(params, results), bytes(body.code), arguments


def module_of(bodies: list[tuple[FuncType, bytes, list[int]]]) -> Module:
    """A module that exports the functions by number, with a memory of one page and a global of each type."""
    types = tuple(RecType((SubType(True, (), t),)) for t, _, _ in bodies)
    globals_ = jormun.Module(
        """(module (global (mut i32) (i32.const 0)) (global (mut i64) (i64.const 0)) (global (mut f32) (f32.const 0))
             (global (mut f64) (f64.const 0)) (global (mut v128) (v128.const i64x2 0 0))
             (memory 1) (data (i32.const 0) "\\01\\82\\03\\f4\\05\\06\\07\\88\\90 abcdefghijklmnopqrstuvwxyz"))"""
    ).valid.module
    return Module(
        types=types,
        functions=tuple(FunctionSyntax(k, (), Expr(code)) for k, (_, code, _) in enumerate(bodies)),
        memories=(MemoryType(Limits(1)),),
        globals=globals_.globals,
        datas=globals_.datas,
        exports=tuple(Export(str(k), ExternKind.FUNC, k) for k in range(len(bodies))),
    )


def outcome(function: Function, arguments: list[int]) -> object:
    """What a call returns, as bits, or the trap that it ends in."""
    try:
        return function.call_bits(arguments)
    except jormun.Trap as trap:
        return trap.kind


def unified(results: object, row: Row) -> object:
    """Results with one NaN for all."""
    if not isinstance(results, list):
        return results
    assert isinstance(row.signature, Signature)
    shapes = [x for x in row.static if isinstance(x, Shape)]
    unified: list[int] = []
    for t, bits in zip(row.signature.results, results, strict=True):
        width = {F32: 32, F64: 64}.get(t, 0)  # type: ignore[call-overload]
        if t is V128 and shapes and shapes[0].is_float:
            width = shapes[0].bits
        if not width:
            unified.append(bits)
            continue
        exponent, fraction = (0x7F80_0000, 0x7F_FFFF) if width == 32 else (0x7FF << 52, (1 << 52) - 1)
        for at in range(0, 128 if t is V128 else width, width):
            lane = bits >> at & (1 << width) - 1
            unified.append(exponent + fraction if lane & exponent == exponent and lane & fraction else lane)
    return unified


@pytest.mark.parametrize("chunk", range(0, len(ROWS), 25))
def test_rows_agree_with_the_optimizing_tier(chunk: int) -> None:
    """The same results and traps from both tiers. Any NaN is as good as another where arithmetic makes one."""
    source = random.Random(chunk)
    made = [(row, function) for row in ROWS[chunk : chunk + 25] for function in functions(row, source)]
    rows, bodies = [row for row, _ in made], [function for _, function in made]
    module = module_of(bodies)
    data = encode(module)
    found = []
    for tier in ("baseline", "optimizing"):
        compiled = jormun.Module(data, config=jormun.Config(tier=tier))
        compiled.compile()
        instance = jormun.Instance(compiled)
        exports = [instance.exports[str(k)] for k in range(len(bodies))]
        results = [outcome(f, arguments) for f, (_, _, arguments) in zip(exports, bodies, strict=True)]
        found.append(results)
    for k, (baseline, optimizing) in enumerate(zip(*found, strict=True)):
        assert unified(baseline, rows[k]) == unified(optimizing, rows[k]), (k, bodies[k])


def test_every_variant_is_there() -> None:
    """A library has a stencil for each combination of places that the compiler may ask for."""
    library = BaselineEngine().library
    for row in ROWS:
        first = library.families[row.code, catalogue.VALUE]
        for variant in row_variants(row, catalogue.VALUE, first):
            assert library.has(variant.number), (row.name, variant)
