"""Entries for on-stack replacement: wherever a function is left at the head of a loop, they end as it would have."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from jormun.binary.decode import decode
from jormun.errors import Trap, UnsupportedError, WasmError
from jormun.llvm.target import assemble
from jormun.optimizing import entry
from jormun.optimizing.engine import OptimizingEngine
from jormun.optimizing.shapes import ModuleShape
from jormun.optimizing.unit import make_unit
from jormun.runtime.engine import LoopHead
from jormun.runtime.function import Function
from jormun.runtime.image import FUNCTION
from jormun.runtime.instance import Instance
from jormun.runtime.instantiation import instantiate
from jormun.runtime.layout import Layout
from jormun.runtime.linking import resolve
from jormun.runtime.module import CompiledModule
from jormun.runtime.native import pages
from jormun.runtime.native.code import LoadedCode
from jormun.runtime.native.machine import Native
from jormun.runtime.services import RuntimeServices, install_services
from jormun.runtime.store import Store
from jormun.text.module import parse_module
from jormun.text.script import BinaryModule, DefineModule
from jormun.text.script_parser import parse_script
from jormun.validation.module import ValidModule, validate
from tests.optimizing.stand_in import StandIn, TierUps, entries_in, loop_heads
from tests.shared import needs_shared, programs, scripts

ENGINE = OptimizingEngine()


class Leaving:
    """A module of which all functions are stand-ins for baseline code, and one loop is left for its entry at the n-th
    time that its head is reached.
    """

    def __init__(self, stand_in: StandIn, wat: str) -> None:
        self.valid = validate(parse_module(wat))
        self.module = CompiledModule(self.valid, stand_in)
        self.loops = loop_heads(self.valid)
        self.reference = self.instance(CompiledModule(self.valid, ENGINE))
        self.subject = self.instance(self.module)
        self.entries: dict[LoopHead, int] = {}
        self.loaded: list[LoadedCode] = []
        self.loop = LoopHead(0, 0)
        self.rounds = 0
        self.left = 0

    def instance(self, module: CompiledModule) -> Instance:
        """An instance."""
        store = Store()
        return instantiate(store, module, resolve(module.blueprint, {}, store))

    def leave(self, loop: LoopHead, rounds: int) -> None:
        """Leave this loop after so many rounds of it."""
        if loop not in self.entries:
            image = ENGINE.compile(self.valid, self.module.layout, (), (loop,))
            self.loaded.append(Native.get().load(image, self.module))
            self.entries.update(entries_in(image, self.loaded[-1].address))
        self.loop, self.rounds, self.left = loop, rounds, 0
        for k in range(len(self.valid.module.functions)):
            pages.write_u64(self.module.counters + 8 * (k // 2), 0)

    def tier_up(self, vm: int, index: int, offset: int) -> int:
        """Answers guests."""
        if LoopHead(self.module.first_own + index, offset) != self.loop:
            return 0
        self.rounds -= 1
        if self.rounds >= 0:
            return 0
        self.left += 1
        return self.entries[self.loop]


def outcome(instance: Instance, name: str, arguments: tuple[object, ...]) -> object:
    """What a call ends in."""
    function = instance.export(name)
    assert isinstance(function, Function)
    try:
        return function.call(*arguments)
    except Trap as trap:
        return trap.kind, trap.backtrace


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return StandIn(monkeypatch)


@pytest.fixture(params=[entry.COPIED_BYTES, 0], ids=["copied", "long"])
def leaving(
    request: pytest.FixtureRequest, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[Leaving]]:
    """Makes a `Leaving` whose `tier_up` answers; loops in others are copied, or taken for too long."""
    monkeypatch.setattr(entry, "COPIED_BYTES", request.param)
    install_services()
    made: list[Leaving] = []

    class Made(Leaving):
        def __init__(self, wat: str) -> None:
            super().__init__(stand_in, wat)
            made.append(self)

    def answer(vm: int, index: int, loop: int) -> int:
        return made[-1].tier_up(vm, index, loop)

    previous = Native.get().install(TierUps(RuntimeServices(), answer))
    yield Made
    assert previous is not None
    Native.get().install(previous)


NEST = """(func (export "f") (param $n i32) (result i64)
  (local $a i32) (local $b i32) (local $c i32) (local $d i32) (local $e i32) (local $x i64)
  (i64.const 17)
  (loop $1 (i64.extend_i32_u (local.get $a)) (local.set $b (i32.const 0))
    (loop $2 (i64.mul (local.get $x) (i64.const 3)) (local.set $c (i32.const 0))
      (block $out (loop $3 (i64.add (local.get $x) (i64.const 5)) (local.set $d (i32.const 0))
        (loop $4 (i64.const 40) (local.get $x) (local.set $e (i32.const 0))
          (loop $5 (local.set $x (i64.add (i64.mul (local.get $x) (i64.const 31)) (i64.extend_i32_u (local.get $e))))
            (br_if $out (i64.eq (i64.rem_u (local.get $x) (i64.const 29)) (i64.const 0)))
            (br_if $5 (i32.lt_u (local.tee $e (i32.add (local.get $e) (i32.const 1))) (local.get $n))))
          (i64.xor) (local.set $x (i64.xor (local.get $x)))
          (br_if $4 (i32.lt_u (local.tee $d (i32.add (local.get $d) (i32.const 1))) (local.get $n))))
        (local.set $x (i64.sub (local.get $x)))
        (br_if $3 (i32.lt_u (local.tee $c (i32.add (local.get $c) (i32.const 1))) (local.get $n)))))
      (local.set $x (i64.add (local.get $x)))
      (br_if $2 (i32.lt_u (local.tee $b (i32.add (local.get $b) (i32.const 1))) (local.get $n))))
    (local.set $x (i64.xor (local.get $x)))
    (br_if $1 (i32.lt_u (local.tee $a (i32.add (local.get $a) (i32.const 1))) (local.get $n))))
  (i64.add (local.get $x)))"""
"""Five loops in one another, with operands below each, and a branch out of three of them."""

VALUES = """(type $all (func (param i32 i64 f32 f64 v128 funcref externref) (result i32 i64 f32 f64 v128)))
(elem declare func $f)
(func $f (export "f") (param $n i32) (result i32 i64 f32 f64 v128)
  (local $e externref) (local $r funcref) (local $w v128) (local $d f64) (local $s f32) (local $l i64) (local $i i32)
  (v128.const i64x2 0x1122334455667788 -1) (f32.const 0.125) (ref.func $f) (i32.const 9)
  (i32.const 1) (i64.const 2) (f32.const 3.5) (f64.const 4.25) (v128.const i32x4 5 6 7 8) (ref.func $f)
  (ref.null extern)
  (loop $next (type $all)
    (local.set $e) (local.set $r) (local.set $w) (local.set $d) (local.set $s) (local.set $l) (local.set $i)
    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
    (i32.add (local.get $i) (i32.add (ref.is_null (local.get $r)) (ref.is_null (local.get $e))))
    (i64.mul (local.get $l) (i64.const 3)) (f32.add (local.get $s) (f32.const 0.5))
    (f64.mul (local.get $d) (f64.const 1.5)) (i32x4.add (local.get $w) (i32x4.splat (local.get $n)))
    (if (param i32 i64 f32 f64 v128) (result i32 i64 f32 f64 v128) (i32.gt_s (local.get $n) (i32.const 0))
      (then (local.get $r) (local.get $e) (br $next))))
  (local.set $w) (local.set $d) (local.set $s) (local.set $l) (local.set $i)
  (i32.add (local.get $i)) (local.set $i) drop (f32.add (local.get $s)) (local.set $s)
  (i8x16.add (local.get $w)) (local.set $w)
  (local.get $i) (local.get $l) (local.get $s) (local.get $d) (local.get $w))"""
"""All types as parameters of a loop, as locals, as results, and vectors and others below."""

ARMS = """(memory 1)
(func $count (param $x i32) (result i32) (i32.add (local.get $x) (i32.const 7)))
(func $tail (export "tail") (param $n i32) (param $x i32) (result i32) (local $i i32)
  (loop $l (local.set $x (i32.mul (i32.add (local.get $x) (local.get $i)) (i32.const 5)))
    (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
  (if (result i32) (local.get $n)
    (then (return_call $tail (i32.sub (local.get $n) (i32.const 1)) (call $count (local.get $x))))
    (else (return_call $last (local.get $x) (f64.const 3) (i64.const 4)))))
(func $last (param i32 f64 i64) (result i32) (i32.add (local.get 0) (i32.trunc_f64_s (local.get 1))))
(func (export "f") (param $n i32) (result i32) (local $i i32) (local $x i32)
  (local.set $x (local.get $n))
  (loop $first (local.set $x (i32.add (call $count (local.get $x)) (local.get $i)))
    (br_if $first (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
  (i32.const 1000)
  (if (param i32) (result i32) (i32.and (local.get $n) (i32.const 1))
    (then (i32.const 3) (local.set $i (i32.const 0))
      (loop $then (param i32) (result i32) (i32.add (local.get $x))
        (br_if $then (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      i32.mul)
    (else (i32.const 5) (local.set $i (i32.const 0))
      (loop $else (i32.store (i32.mul (local.get $i) (i32.const 4)) (local.get $x))
        (local.set $x (i32.rotl (local.get $x) (i32.const 3)))
        (br_if $else (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      i32.sub))
  (local.set $i (i32.const 0))
  (loop $last (local.set $x (i32.add (local.get $x) (i32.load (i32.mul (local.get $i) (i32.const 4)))))
    (br_if $last (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
  (i32.add (local.get $x))
  (call $tail (i32.and (i32.const 3)) (local.get $n)))
(func (export "arms") (param $n i32) (result i32) (local $i i32) (local $x i32)
  (i32.const 77)
  (loop $around
    (i32.add (local.get $i) (i32.const 11)) (i32.add (local.get $n) (i32.const 5))
    (if (param i32) (result i32) (i32.and (local.get $i) (i32.const 1))
      (then (loop $odd (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 3)) (i32.const 1)))
        (br_if $odd (i32.and (local.get $x) (i32.const 4)))))
      (else (loop $even (param i32) (result i32) (i32.xor (local.get $x))
        (local.set $x (i32.shr_u (local.get $x) (i32.const 1)))
        (br_if $even (i32.and (local.get $x) (i32.const 8))))))
    (local.set $x (i32.add (i32.add (local.get $x))))
    (br_if $around (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
  (i32.add (local.get $x)))
(func (export "table") (param $n i32) (result i32) (local $x i32)
  (i32.const 5)
  (block $a (result i32) (i32.const 6) (loop $b (result i32) (i32.const 8)
    (loop $c (param i32) (result i32)
      (local.set $x (i32.add (local.get $x) (i32.const 1)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (i32.add (local.get $x))
      (if (i32.lt_s (local.get $n) (i32.const 0)) (then (br $a (local.get $x))))
      (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 3))) (then (br $b)))
      (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 7))) (then (br $c (i32.const 100)))))
    (local.tee $x (i32.mul (i32.const 2)))
    (br_if $b (i32.lt_u (local.get $x) (i32.const 100000))) (br $a)) (i32.sub))
  (i32.add))
(func (export "trap") (param $n i32) (result i32) (local $i i32)
  (loop $up (i32.store (i32.mul (local.get $i) (i32.const 4096)) (local.get $n))
    (br_if $up (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
  (loop $down (drop (i32.div_u (i32.const 1) (i32.sub (local.get $i) (i32.const 2))))
    (br_if $down (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
  (i32.const 1))"""
"""Loops after one another, in arms, with calls, tail calls, branches through tables of blocks, and traps behind."""

MANY = f"""(func (export "f") (param {"i64 f64 v128 " * 20}) (result i64 i64) (local $i i64)
  (loop $l (local.set 0 (i64.add (local.get 0) (local.get 57)))
    (br_if $l (i64.ne (local.tee $i (i64.add (local.get $i) (i64.const 1))) (local.get 3))))
  (local.get 0) (i64x2.extract_lane 1 (local.get 59)))"""
"""Parameters that are passed in memory, which an entry must take from the frame."""


def check(leaving: Leaving, name: str, *arguments: object) -> None:
    """Leave each loop at several times; the call must end as it does where loops are not left."""
    expected = outcome(leaving.reference, name, arguments)
    times_left = 0
    for loop in leaving.loops:
        for rounds in (0, 1, 2, 5, 23):
            leaving.leave(loop, rounds)
            assert outcome(leaving.subject, name, arguments) == expected, (loop, rounds)
            if leaving.left == 0:
                break
            times_left += 1
    assert times_left


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_nest(leaving: type[Leaving], n: int) -> None:
    """Every loop of a nest can be entered, on any round, and the loops around it go on."""
    check(leaving(f"(module {NEST})"), "f", n)


def test_all_types(leaving: type[Leaving]) -> None:
    """Locals, parameters of loops and operands below them of every type are taken from the frame."""
    check(leaving(f"(module {VALUES})"), "f", 9)


@pytest.mark.parametrize("name", ["f", "arms", "table", "trap"])
@pytest.mark.parametrize("n", [1, 4, 7, 30])
def test_loops_in_all_places(leaving: type[Leaving], name: str, n: int) -> None:
    """In arms of an if, after other loops, before calls and tail calls, and with a trap to come."""
    check(leaving(f"(module {ARMS})"), name, n)


def test_tail_calls(leaving: type[Leaving]) -> None:
    """Behind the loop, a function may call itself or others in its place."""
    check(leaving(f"(module {ARMS})"), "tail", 3, 4)


def test_parameters_in_memory(leaving: type[Leaving]) -> None:
    """An entry takes all parameters from the frame, those that were not passed in registers too."""
    check(leaving(f"(module {MANY})"), "f", *(k if k % 3 < 2 else bytes([k]) * 16 for k in range(60)))


def test_an_entry_and_its_function_in_one_unit() -> None:
    """They are compiled together, and their symbols are told apart."""
    valid = validate(parse_module(f"(module {ARMS})"))
    loops = loop_heads(valid)
    functions = sorted({loop.func_index for loop in loops})
    image = ENGINE.compile(valid, Layout(valid), functions, loops)
    assert set(entries_in(image)) == set(loops)
    assert {f.index for f in image.functions if f.kind == FUNCTION} == set(functions)


def test_a_loop_that_is_not_there() -> None:
    """Nor one that no code reaches: a clear error, or left out where functions are improved that run already."""
    valid = validate(parse_module('(module (func (export "f") nop (loop nop) (return) (loop nop)))'))
    first, dead = loop_heads(valid)
    for loop in (dead, LoopHead(0, first.offset - 1), LoopHead(0, 10_000)):
        with pytest.raises(UnsupportedError, match=f"function 0: no loop is ever reached at {loop.offset:#x}"):
            ENGINE.compile(valid, Layout(valid), (), (loop,))
    assert set(entries_in(ENGINE.improve(valid, Layout(valid), (0,), (first, dead)))) == {first}


def texts(valid: ValidModule, loops: Sequence[LoopHead]) -> Iterator[str]:
    """The LLVM text of each loop's entry, of those loops that are ever reached."""
    shape = ModuleShape(valid, Layout(valid), "x86_64")
    for loop in loops:
        unit = make_unit(shape, (), (loop,), skips_unsupported=True)
        if "define " in unit.text:
            yield unit.text


def valid_module(command: DefineModule) -> ValidModule | None:
    """The module of a script's command, unless something is wrong with it."""
    source = command.module
    try:
        return validate(decode(source.data) if isinstance(source, BinaryModule) else source.parse())
    except WasmError:
        return None


@needs_shared
def test_entries_in_the_standards_scripts() -> None:
    """The entry of each loop in the standard's test scripts is well-formed."""
    count = 0
    for path in scripts():
        text = path.read_text(encoding="utf-8")
        if "loop" not in text or "legacy" in path.parts:
            continue
        for command in parse_script(text):
            if isinstance(command, DefineModule):
                valid = valid_module(command)
                for each in texts(valid, loop_heads(valid)) if valid else ():
                    assemble(each, optimization=0)
                    count += 1
    assert count > 100


@needs_shared
@pytest.mark.slow
def test_entries_in_programs() -> None:
    """The entries of loops picked from real programs are well-formed, and the optimizer takes them."""
    source = random.Random(3)
    count = 0
    for path in source.sample([p for p in programs() if "corpus" in p.parts and p.stat().st_size < 300_000], 12):
        valid = validate(decode(path.read_bytes()))
        loops = loop_heads(valid)
        for text in texts(valid, source.sample(loops, min(8, len(loops)))):
            assemble(text, optimization=0)
            count += 1
        ENGINE.improve(valid, Layout(valid), (), source.sample(loops, min(2, len(loops))))
    assert count > 50


def test_text_is_linear() -> None:
    """Operands below many nested loops are written and read once each, whichever loop is entered."""

    def size(depth: int) -> int:
        body = f"{'(loop (i32.const 1) (local.get 0) ' * depth} {'drop drop)' * depth}"
        valid = validate(parse_module(f"(module (func (param i32) {body}))"))
        (text,) = texts(valid, loop_heads(valid)[-1:])
        return len(text)

    assert size(2000) < 2.5 * size(1000)
