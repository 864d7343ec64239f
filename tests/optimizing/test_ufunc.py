"""Loops over arrays: which functions are plain, and what they compute."""

from __future__ import annotations

from itertools import product

import pytest

import jormun
from jormun.llvm.pipeline import assembly_of
from jormun.llvm.target import Target, host
from jormun.opcodes.signatures import Signature
from jormun.opcodes.table import BY_CODE, Row
from jormun.optimizing.lower import FunctionLowering
from jormun.optimizing.shapes import ModuleShape
from jormun.optimizing.ufunc import ufunc_image
from jormun.optimizing.ufunc_loop import Loop
from jormun.optimizing.unit import PREAMBLE
from jormun.types import NumType

np = pytest.importorskip("numpy")

PLAIN = """(module
  (import "host" "f" (func $imported (param i32) (result i32)))
  (memory 1) (table 1 funcref) (elem (i32.const 0) $self) (type $t (func (param i32) (result i32)))
  (global $g (mut i32) (i32.const 0)) (global $c i32 (i32.const 3))
  (func $self (export "constant") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
  (func (export "branches") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (call $self (local.get 0))) (else (i32.const 4))))
  (func (export "switch") (param i32) (result i32)
    (block $a (block $b (br_table $a $b (local.get 0))) (return (i32.const 1))) (i32.const 2))
  (func (export "vector") (param i32) (result i32) (i32x4.extract_lane 2 (i32x4.splat (local.get 0))))
  (func (export "traps") (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 2)) (drop)
    (i32.rem_u (i32.const 1) (local.get 0)))
  (func (export "unreachable") (param i32) (result i32) (if (local.get 0) (then unreachable)) (i32.const 1))
  (func (export "loops") (param i32) (result i32)
    (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 0))
  (func $odd (export "recursive") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (call $even (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 0))))
  (func $even (param i32) (result i32)
    (if (result i32) (local.get 0) (then (call $odd (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 1))))
  (func (export "tail") (param i32) (result i32) (return_call $self (local.get 0)))
  (func $deep (export "tail to itself") (param i32) (result i32)
    (if (local.get 0) (then (return_call $deep (i32.sub (local.get 0) (i32.const 1))))) (i32.const 0))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "size") (param i32) (result i32) (memory.size))
  (func (export "global") (param i32) (result i32) (global.get $g))
  (func (export "indirect") (param i32) (result i32) (call_indirect (type $t) (local.get 0) (i32.const 0)))
  (func (export "import") (param i32) (result i32) (call $imported (local.get 0)))
  (func (export "calls one that loads") (param i32) (result i32) (call $loads (local.get 0)))
  (func $loads (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "many locals") (param i32) (result i32) (local $many {locals}) (local.get 0)))"""


def is_plain(module: jormun.Module, name: str) -> bool:
    compiled = module.compiled
    index = next(each.index for each in compiled.blueprint.exports if each.name == name)
    return ufunc_image(compiled.valid, compiled.layout, compiled.call_graph, index).is_plain


@pytest.fixture(scope="module")
def module() -> jormun.Module:
    text = PLAIN.replace("(local $many {locals})", f"(local {'i32 ' * 300})")
    return jormun.Module(text, config=jormun.Config(cache=False))


@pytest.mark.parametrize("name", ["constant", "branches", "switch", "vector"])
def test_plain_functions(module: jormun.Module, name: str) -> None:
    """What only computes may run on the host's stack."""
    assert is_plain(module, name)


@pytest.mark.parametrize(
    "name",
    [
        "traps", "unreachable", "loops", "recursive", "tail", "tail to itself", "load", "size", "global", "indirect",
        "import", "calls one that loads", "many locals",
    ],
)  # fmt: skip
def test_functions_that_are_not_plain(module: jormun.Module, name: str) -> None:
    """Whatever may trap, run long, fill the stack, or touch the instance is a guest."""
    assert not is_plain(module, name)


def test_large_functions_are_not_plain() -> None:
    """Nor do they have a loop for each way in which operands come: the code stays in proportion."""
    sums = "(local.set 0 (i32.add (i32.mul (local.get 0) (local.get 1)) (i32.const 12345)))" * 500
    text = f'(module (func (export "f") (param i32 i32) (result i32) {sums} (local.get 0)))'
    module = jormun.Module(text, config=jormun.Config(cache=False))
    assert not is_plain(module, "f")
    compiled = module.compiled
    made = ufunc_image(compiled.valid, compiled.layout, compiled.call_graph, 0)
    assert len(made.image.code) < 60_000


def test_a_function_that_makes_objects() -> None:
    """Is not plain: it calls."""
    text = (
        '(module (type $s (struct)) (func (export "f") (param i32) (result i32) (drop (struct.new $s)) (i32.const 1)))'
    )
    assert not is_plain(jormun.Module(text), "f")


def test_loops_are_vectorised() -> None:
    """LLVM uses vector instructions where arrays have no gaps, with branches too."""
    text = """(module (func (export "f") (param f64 f64) (result f64)
      (if (result f64) (f64.lt (local.get 0) (f64.const 0)) (then (local.get 1))
        (else (f64.mul (f64.add (local.get 0) (local.get 1)) (local.get 0))))))"""
    compiled = jormun.Module(text, config=jormun.Config(cache=False)).compiled
    shape = ModuleShape(compiled.valid, compiled.layout, host().architecture)
    function = FunctionLowering(shape, 0, {0}).text().replace("define ", "define internal ", 1)
    loop = Loop(shape.function_shape(0), 0, is_specialized=True).text()
    assert "mulpd" in assembly_of(PREAMBLE + function + loop, Target("x86_64-unknown-linux-gnu", "x86-64-v3"))


NUMBERS = {
    NumType.I32: ("i4", [0, 1, -1, 2, 31, 32, -(1 << 31), (1 << 31) - 1, 0x12345678, -77]),
    NumType.I64: ("i8", [0, 1, -1, 2, 63, 64, -(1 << 63), (1 << 63) - 1, 0x0123456789ABCDEF, -77]),
    NumType.F32: ("f4", [0.0, -0.0, 1.5, -1.5, np.inf, -np.inf, np.nan, 1e38, -1e30, 2147483648.0]),
    NumType.F64: ("f8", [0.0, -0.0, 1.5, -1.5, np.inf, -np.inf, np.nan, 1e300, -1e30, 9.3e18]),
}


def numeric_rows() -> list[Row]:
    """The instructions that take numbers and give some."""
    return [
        row
        for row in BY_CODE.values()
        if isinstance(row.signature, Signature)
        and not row.immediates
        and row.signature.params
        and row.signature.results
        and all(isinstance(t, NumType) for t in (*row.signature.params, *row.signature.results))
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_numeric_instruction() -> None:
    """Over arrays of edge values it gives what calls give, and traps where they do."""
    functions = []
    for row in numeric_rows():
        params, results = (" ".join(map(str, types)) for types in (row.signature.params, row.signature.results))
        gets = " ".join(f"(local.get {k})" for k in range(len(row.signature.params)))
        functions.append(f'(func (export "{row.name}") (param {params}) (result {results}) {gets} {row.name})')
    assert len(functions) > 130
    exports = jormun.load(f"(module {' '.join(functions)})", config=jormun.Config(cache=False)).exports
    for row in numeric_rows():
        function, ufunc = exports[row.name], jormun.vectorize(exports[row.name])
        kinds, values = zip(*(NUMBERS[t] for t in row.signature.params), strict=True)
        good, expected = [], []
        for operands in list(product(*values))[:400]:
            try:
                expected.append(function(*operands))
                good.append(operands)
            except jormun.Trap as trap:
                with pytest.raises(jormun.Trap) as caught:
                    ufunc(*(np.array([x], kind) for x, kind in zip(operands, kinds, strict=True)))
                assert caught.value.kind is trap.kind
        columns = [np.array(x, kind) for x, kind in zip(zip(*good, strict=True), kinds, strict=True)]
        for arrays in (columns, [np.repeat(column, 2)[::2] for column in columns]):
            returned = ufunc(*arrays)
            many = len(row.signature.results) > 1
            for k, got in enumerate(returned if many else (returned,)):
                wanted = np.array([answer[k] if many else answer for answer in expected], got.dtype)
                assert np.array_equal(got, wanted, equal_nan=got.dtype.kind == "f"), row.name
                is_number = wanted == wanted
                assert np.array_equal(np.signbit(got)[is_number], np.signbit(wanted)[is_number]), row.name
