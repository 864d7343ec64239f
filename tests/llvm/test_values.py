"""The semantics of the table as LLVM text: compiled, run, and compared with results computed in plain Python."""

from __future__ import annotations

import ctypes
import itertools
import random
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import pytest

from jormun.errors import TrapKind
from jormun.llvm.convention import VECTOR
from jormun.llvm.lines import LLVM_TYPE, float_literal
from jormun.llvm.target import binding, host
from jormun.llvm.templates import Template, make
from jormun.llvm.values import TextOps
from jormun.opcodes.immediates import Immediate, ImmediateValue
from jormun.opcodes.ops import Shape
from jormun.opcodes.signatures import Signature
from jormun.opcodes.table import BY_CODE, BY_NAME, Row
from jormun.types import F32, F64, I32, I64, NumType
from tests.opcodes.expected import ORACLE
from tests.opcodes.oracle import NAN, join, lanes

VALUES: dict[Immediate, ImmediateValue] = {
    Immediate.I32: -7,
    Immediate.I64: -(1 << 40),
    Immediate.F32: 0x3F80_0000,
    Immediate.F64: 0x7FF0_0000_0000_0001,
    Immediate.LANE: 1,
    Immediate.LANES: bytes([0, 31, 5, 5, 16, 17, 2, 30, 9, 8, 7, 6, 5, 4, 3, 20]),
    Immediate.V128: bytes(range(16)),
}
"""Immediates for the rows that have some."""
PURE = [
    row
    for row in BY_CODE.values()
    if isinstance(row.signature, Signature)
    and row.signature.results
    and all(kind in VALUES for kind in row.immediates)
    and not any(t.name == "MEMORY" for t in row.signature.params if not isinstance(t, NumType))
]
"""The rows that compute results from nothing but values."""
OPERAND_BYTES = 16
F32_EDGES = (
    0x0000_0000, 0x8000_0000, 0x3F80_0000, 0xBF80_0000, 0x3F00_0000, 0xBF00_0000, 0x3FC0_0000, 0x4020_0000,
    0x0000_0001, 0x8000_0001, 0x007F_FFFF, 0x7F7F_FFFF, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0xFFC0_0001,
    0x7F80_0001, 0xFFA0_0000, 0x4F00_0000, 0xCF00_0000, 0x4EFF_FFFF, 0xCF00_0001, 0x4F80_0000, 0x4F7F_FFFF,
    0xBF7F_FFFF, 0x5F00_0000, 0xDF00_0000, 0x5F80_0000, 0x4B00_0001,
)  # fmt: skip
F64_NUMBERS = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, 5e-324, -5e-324, 1.7976931348623157e308, float("inf"), -float("inf"),
    2.0**31, -(2.0**31), 2.0**31 - 1, 2.0**31 - 0.5, -(2.0**31) - 1, -(2.0**31) - 0.5, 2.0**32, 2.0**32 - 0.5,
    -0.9999999999999999, 2.0**63, -(2.0**63), 2.0**64, 9.223372036854775e18, 2.0**52 + 1, 2.0**51 + 0.5,
    3.4028235677973366e38, 3.4028235e38, 1e-45, 7e-46, 1.0000000596046448,
)  # fmt: skip
F64_NANS = (0x7FF8_0000_0000_0000, 0xFFF8_0000_0000_0001, 0x7FF0_0000_0000_0001, 0xFFF4_0000_0000_0000)
F64_EDGES = (*[int.from_bytes(struct.pack("<d", x), "little") for x in F64_NUMBERS], *F64_NANS)
I32_EDGES = (0, 1, 2, 7, 31, 32, 33, 0x7F, 0x80, 0xFF80, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF)
I64_EDGES = (
    *I32_EDGES,
    63,
    64,
    1 << 32,
    (1 << 53) + 1,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
    (1 << 64) - (1 << 10) - 1,
)
EDGES = {I32: I32_EDGES, I64: I64_EDGES, F32: F32_EDGES, F64: F64_EDGES}
LANE_EDGES = {8: (0, 1, 15, 16, 0x70, 0x7F, 0x80, 0x81, 0xFF), 16: (0, 1, 0x4000, 0x7F, 0x7FFF, 0x8000, 0x8001, 0xFFFF)}
CASES = 150
"""How many tuples of operands an instruction is tried on, at most."""
LITERAL_CASES = 8
"""How many it is tried on as literals, each of which is a function of its own."""


class Machine:
    """Functions that `define` made, compiled."""

    def __init__(self, text: str, level: int) -> None:
        self.engine = compiled(text, level)
        self.buffer = (ctypes.c_ubyte * (9 * OPERAND_BYTES))()
        start = ctypes.addressof(self.buffer)
        self.operands = start + -start % OPERAND_BYTES
        self.results = self.operands + 4 * OPERAND_BYTES

    def run(self, name: str, row: Row, operands: Sequence[int]) -> list[int] | TrapKind:
        """Call a row's function: the patterns of the results."""
        signature = row.signature
        assert isinstance(signature, Signature)
        function = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)(
            self.engine.get_function_address(name)
        )
        for k, x in enumerate(operands):
            ctypes.memmove(self.operands + OPERAND_BYTES * k, x.to_bytes(OPERAND_BYTES, "little"), OPERAND_BYTES)
        kind = function(self.operands, self.results)
        if kind:
            return TrapKind(kind)
        return [
            int.from_bytes(ctypes.string_at(self.results + OPERAND_BYTES * k, bits(t) // 8), "little")
            for k, t in enumerate(signature.results)
        ]


def compiled(text: str, level: int) -> Any:
    """An engine that runs the functions of a text, optimized at a level, 0 for not at all."""
    binding()
    target = host()
    machine = llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=level
    )
    module = llvm.parse_assembly(text)
    module.triple = target.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    if level:
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(level))
        builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine


def bits(t: object) -> int:
    """The width of a value type."""
    return t.bits if isinstance(t, NumType) else 128


def type_of(t: object) -> str:
    """A value type as LLVM writes it."""
    return LLVM_TYPE[t] if isinstance(t, NumType) else VECTOR


def define(name: str, row: Row, architecture: str, literals: Sequence[int] = ()) -> str:
    """A function that does what a row says to operands in slots, leaves results in slots, and returns the trap, or 0.

    It comes from the row's template, or, where there is none, and for literals as operands, from its semantics.
    """
    signature = row.signature
    assert isinstance(signature, Signature)
    immediates = [VALUES[kind] for kind in row.immediates]
    op = TextOps(architecture)
    operands = []
    for k, t in enumerate(signature.params):
        if literals:
            x = literals[k]
            operands.append(op.const(t, x) if isinstance(t, NumType) else op.vector(x.to_bytes(16, "little")))
        else:
            address = op.line(f"getelementptr i8, ptr %in, i64 {OPERAND_BYTES * k}")
            operands.append(op.line(f"load {type_of(t)}, ptr {address}"))
    template = None if literals else make(row, architecture, immediates)
    if template is not None:
        results: Sequence[str] = stamp(op, template, operands)
    else:
        outcome = row.semantics(op, *row.static, *immediates, *operands)
        results = outcome if isinstance(outcome, tuple) else (outcome,)
    for k, (t, x) in enumerate(zip(signature.results, results, strict=True)):
        address = op.line(f"getelementptr i8, ptr %out, i64 {OPERAND_BYTES * k}")
        op.lines.append(f"store {type_of(t)} {x}, ptr {address}")
    body = [f"define i32 @{name}(ptr %in, ptr %out) {{", *op.lines, "ret i32 0"]
    for kind in op.traps:
        body += [f"{op.trap_label(kind)}:", f"ret i32 {kind.value}"]
    return "\n".join([*body, "}"])


def stamp(op: TextOps, template: Template, operands: list[str]) -> list[str]:
    """Append the text of a template: the names of its results, a condition extended."""
    number = op.count = op.count + 1
    op.lines.append(template.text % template.pick((number, *operands)))
    op.traps.update(template.traps)
    names = [result % number for result in template.results]
    return [op.flag(I32, name) for name in names] if template.is_condition else names


@cache
def machine(architecture: str, level: int) -> Machine:
    """All pure rows, made once: f{code} is a row's function."""
    return Machine("\n".join([define(f"f{row.code}", row, architecture) for row in PURE]), level)


@cache
def folded() -> Machine:
    """The same with literals as operands: f{code}_{k} is the function of a row for the k-th of its `cases`."""
    texts = [
        define(f"f{row.code}_{k}", row, host().architecture, operands)
        for row in PURE
        for k, operands in enumerate(cases(row)[:LITERAL_CASES])
    ]
    return Machine("\n".join(texts), 2)


def vectors(random_: random.Random) -> int:
    """A vector whose lanes, of some width, are interesting."""
    width = random_.choice((8, 16, 32, 64, 0))
    if width == 0:
        return random_.getrandbits(128)
    choices = {32: F32_EDGES + I32_EDGES, 64: F64_EDGES + I64_EDGES} | LANE_EDGES
    return join([random_.choice(choices[width]) for _ in range(128 // width)], width)


def cases(row: Row) -> list[tuple[int, ...]]:
    """Operands: all combinations of interesting ones where they are few, else a choice that is always the same."""
    signature = row.signature
    assert isinstance(signature, Signature)
    random_ = random.Random(row.code)
    if all(isinstance(t, NumType) for t in signature.params):
        combinations = list(itertools.product(*[EDGES[t] for t in signature.params if isinstance(t, NumType)]))
        random_.shuffle(combinations)
        return combinations if len(signature.params) < 2 else combinations[: 4 * CASES]
    return [
        tuple(random_.choice(EDGES[t]) if isinstance(t, NumType) else vectors(random_) for t in signature.params)
        for _ in range(CASES)
    ]


def agrees(actual: int, expected: int, width: int) -> bool:
    """Whether a pattern is the expected one; for `NAN`, whether it is a quiet NaN of this width."""
    if expected != NAN:
        return actual == expected & (1 << width) - 1
    quiet = {32: 0x7FC0_0000, 64: 0x7FF8_0000_0000_0000}[width]
    return actual & quiet == quiet


@pytest.mark.parametrize("row", PURE, ids=lambda row: row.name)
@pytest.mark.parametrize(("architecture", "level"), [(host().architecture, 0), (host().architecture, 2), ("", 2)])
def test_instructions_compute_what_the_oracle_computes(row: Row, architecture: str, level: int) -> None:
    """An instruction on values gives the bits that plain Python gives, as it is written and optimized."""
    for operands in cases(row):
        check(row, operands, machine(architecture, level).run(f"f{row.code}", row, operands))


@pytest.mark.parametrize("row", PURE, ids=lambda row: row.name)
def test_instructions_on_literals_compute_what_the_oracle_computes(row: Row) -> None:
    """The same where operands are literals, so that LLVM computes results itself."""
    for k, operands in enumerate(cases(row)[:LITERAL_CASES]):
        check(row, operands, folded().run(f"f{row.code}_{k}", row, operands))


def check(row: Row, operands: Sequence[int], actual: list[int] | TrapKind) -> None:
    """Compare with the oracle."""
    signature = row.signature
    assert isinstance(signature, Signature)
    expected = ORACLE[row.name](*[VALUES[kind] for kind in row.immediates], *operands)
    said = f"{row.name} of {[hex(x) for x in operands]}: {actual}, not {expected}"
    if isinstance(expected, TrapKind) or isinstance(actual, TrapKind):
        assert actual is expected, said
    elif isinstance(expected, list):
        width = 128 // len(expected)
        assert all(agrees(x, y, width) for x, y in zip(lanes(actual[0], width), expected, strict=True)), said
    else:
        wanted = expected if isinstance(expected, tuple) else (expected,)
        assert all(map(agrees, actual, wanted, [bits(t) for t in signature.results])), said


SIGNALLING = 0x7FA0_0000
Build = Callable[[TextOps, str], str]


def semantics(name: str) -> Callable[..., str]:
    """The meaning of an instruction, applied to a TextOps and operands."""
    row: Row = BY_NAME[name][0]
    return lambda op, *operands: row.semantics(op, *row.static, *operands)


QUIETING: dict[str, Build] = {
    "x * 1": lambda op, x: semantics("f32.mul")(op, x, op.const(F32, 0x3F80_0000)),
    "-1 * x": lambda op, x: semantics("f32.mul")(op, op.const(F32, 0xBF80_0000), x),
    "x / 1": lambda op, x: semantics("f32.div")(op, x, op.const(F32, 0x3F80_0000)),
    "x / -1": lambda op, x: semantics("f32.div")(op, x, op.const(F32, 0xBF80_0000)),
    "x + -0": lambda op, x: semantics("f32.add")(op, x, op.const(F32, 0x8000_0000)),
    "x - 0": lambda op, x: semantics("f32.sub")(op, x, op.const(F32, 0)),
    "-0 - x": lambda op, x: semantics("f32.sub")(op, op.const(F32, 0x8000_0000), x),
    "abs(x) + 0": lambda op, x: semantics("f32.add")(op, semantics("f32.abs")(op, x), op.const(F32, 0)),
    "demote(promote(x))": lambda op, x: semantics("f32.demote_f64")(op, semantics("f64.promote_f32")(op, x)),
    "x * convert_s(1)": lambda op, x: semantics("f32.mul")(op, x, semantics("f32.convert_i32_s")(op, "1")),
    "x / convert_s(-1)": lambda op, x: semantics("f32.div")(op, x, semantics("f32.convert_i64_s")(op, "-1")),
    "x - convert_u(0)": lambda op, x: semantics("f32.sub")(op, x, semantics("f32.convert_i32_u")(op, "0")),
    "min(x, x)": lambda op, x: semantics("f32.min")(op, x, x),
    "max(x, -inf)": lambda op, x: semantics("f32.max")(op, x, op.const(F32, 0xFF80_0000)),
    "max(x, 0)": lambda op, x: semantics("f32.max")(op, x, op.const(F32, 0)),
    "x + x": lambda op, x: semantics("f32.add")(op, x, x),
    "floor(x)": lambda op, x: semantics("f32.floor")(op, x),
    "nearest(x)": lambda op, x: semantics("f32.nearest")(op, x),
    "sqrt(x)": lambda op, x: semantics("f32.sqrt")(op, x),
    "lane 0 of splat(x) * splat(1)": lambda op, x: op.extract(
        Shape.F32X4,
        0,
        semantics("f32x4.mul")(op, semantics("f32x4.splat")(op, x), op.vector(struct.pack("<4f", 1, 1, 1, 1))),
    ),
}
"""Expressions that are `x` to LLVM, or nearly."""


@pytest.mark.parametrize("expression", QUIETING)
@pytest.mark.parametrize("is_constant", [False, True])
def test_arithmetic_quiets_nans(expression: str, is_constant: bool) -> None:
    """Arithmetic on a signalling NaN gives a quiet one, also where LLVM would take it for the operand, or fold it."""
    op = TextOps(host().architecture)
    result = QUIETING[expression](op, op.const(F32, SIGNALLING) if is_constant else "%x")
    bits_ = op.line(f"bitcast float {result} to i32")
    text = "\n".join(
        ["define i32 @f(i32 %pattern) {", "%x = bitcast i32 %pattern to float", *op.lines, f"ret i32 {bits_}", "}"]
    )
    engine = compiled(text, 2)
    f = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32)(engine.get_function_address("f"))
    assert f(SIGNALLING) & 0x7FC0_0000 == 0x7FC0_0000


@pytest.mark.parametrize("pattern", F32_EDGES)
def test_float_literals_keep_their_bits(pattern: int) -> None:
    """A literal float is the number with these bits, NaNs included."""
    literal = float_literal(F32, pattern)
    engine = compiled(f"define i32 @f() {{\n%1 = bitcast float {literal} to i32\nret i32 %1\n}}", 2)
    assert ctypes.CFUNCTYPE(ctypes.c_uint32)(engine.get_function_address("f"))() == pattern


@pytest.mark.parametrize("pattern", F64_EDGES)
def test_double_literals_keep_their_bits(pattern: int) -> None:
    """A literal double is the number with these bits, NaNs included."""
    literal = float_literal(F64, pattern)
    engine = compiled(f"define i64 @f() {{\n%1 = bitcast double {literal} to i64\nret i64 %1\n}}", 2)
    assert ctypes.CFUNCTYPE(ctypes.c_uint64)(engine.get_function_address("f"))() == pattern


def test_the_oracle_knows_every_instruction_on_values() -> None:
    """A new row needs an expectation; every row but a literal has a template."""
    assert {row.name for row in PURE} <= set(ORACLE)
    without = {row.name for row in PURE if make(row, "", [VALUES[kind] for kind in row.immediates]) is None}
    assert without == {"i32.const", "i64.const", "v128.const"}


@pytest.mark.parametrize("row", PURE, ids=lambda row: row.name)
def test_heads_and_tails_are_the_text(row: Row) -> None:
    """Where a template has a head, that, the tail and the operands are what its text becomes."""
    template = make(row, host().architecture, [VALUES[kind] for kind in row.immediates])
    if template is not None and template.head:
        x, y = "%x", "%y" if template.arity == 2 else ""
        text = template.text % template.pick((7, x, y))
        assert f"{template.result % 7}{template.head}{x}{template.tail}{y}" == text


def test_names_rise() -> None:
    """LLVM wants numbered names to rise through the text: those of a template follow those before it."""
    op = TextOps()
    first = op.fresh()
    add, minimum = make(BY_NAME["i32.add"][0]), make(BY_NAME["f32.min"][0])
    assert add is not None and minimum is not None
    (second,) = stamp(op, add, [first, "1"])
    (third,) = stamp(op, minimum, ["%x", "%y"])
    numbers = [int(name[1:]) for name in (first, second, third, op.fresh())]
    assert numbers == sorted(numbers)
