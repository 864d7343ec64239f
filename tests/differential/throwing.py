"""Random programs that throw and catch, in and out of loops, and how they end here and on Wasmtime.

python -m tests.differential.throwing SEED SECONDS runs those from a seed on, and prints what differs.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import wasmtime

import jormun
from jormun import Config, Trap, WasmException
from jormun.runtime.tiering.settings import Tiering

CONFIGS = {
    "baseline": Config(tier="baseline", cache=False),
    "optimizing": Config(tier="optimizing", cache=False),
    "at a loop": Config(cache=False, tiering=Tiering(threshold=0, entry_weight=0, is_synchronous=True)),
    "at random": Config(cache=False, tiering=Tiering(threshold=3, seed=1, is_synchronous=True)),
}
FUNCTIONS = 4
CALLS = [(k, x, y) for k in reversed(range(FUNCTIONS)) for x, y in ((0, 1), (5, -2), (77, 8))]
"""A function and its arguments."""
ROUNDS = 20_000
"""How many entries of functions and rounds of loops a call may have; then it traps."""
_HEAD = f"""(module
  (type $t (func (param i32 i32) (result i32)))
  (tag $a (param i32)) (tag $b (param i64 f64)) (tag $c)
  (global $g (export "g") (mut i32) (i32.const 0))
  (global $left (export "left") (mut i32) (i32.const {ROUNDS}))
  (table {FUNCTIONS} {FUNCTIONS} funcref) (elem (i32.const 0) {" ".join(f"$f{k}" for k in range(FUNCTIONS))})
  (func $tick (global.set $left (i32.sub (global.get $left) (i32.const 1)))
    (if (i32.lt_s (global.get $left) (i32.const 0)) (then unreachable)))
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended, and what it left in the globals."""

    how: object
    state: tuple[int, int]


class Writer:
    """Writes the text of one program."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._labels = 0
        self._callees = 0
        self._loops = 0

    def module(self) -> str:
        """The program. Functions call those with smaller numbers alone."""
        return "".join([_HEAD, *map(self._function, range(FUNCTIONS)), ")"])

    def _function(self, k: int) -> str:
        self._callees, self._loops = k, 0
        body = " ".join(self._statement(0) for _ in range(self._random.randrange(2, 6)))
        result = self._i32(2)
        counters = " ".join(f"(local $c{n} i32)" for n in range(self._loops))
        return f"""(func $f{k} (export "f{k}") (type $t) (param $x0 i32) (param $x1 i32) (result i32)
          (local $x2 i32) (local $x3 i32) (local $y0 i64) (local $y1 i64) (local $z f64) (local $e exnref) {counters}
          (call $tick) {body} {result})"""

    def _label(self) -> str:
        self._labels += 1
        return f"$l{self._labels}"

    def _counter(self) -> str:
        self._loops += 1
        return f"$c{self._loops - 1}"

    # Expressions. `d` is how deep they are.

    def _i32(self, d: int = 0) -> str:
        r = self._random
        kind = r.randrange(9 if d < 3 else 3)
        if kind == 0:
            return f"(i32.const {r.randrange(-3, 10)})"
        if kind <= 2:
            return f"(local.get $x{r.randrange(4)})"
        if kind <= 4:
            return f"(i32.{r.choice(['add', 'xor'])} {self._i32(d + 1)} {self._i32(d + 1)})"
        if kind == 5:
            return f"(i32.and {self._i32(d + 1)} (i32.const {r.choice([1, 3, 7, 255])}))"
        if kind == 6:
            return f"(i32.wrap_i64 (local.get $y{r.randrange(2)}))"
        if kind == 7 and self._callees:
            return self._call(d)
        # An operand waits below a try_table.
        label, inner = self._label(), self._label()
        body = f"(try_table {inner} (result i32) (catch $a {label}) {self._statements(d + 2)} {self._i32(d + 1)})"
        return f"(i32.sub {self._i32(d + 1)} (block {label} (result i32) {body}))"

    def _call(self, d: int) -> str:
        k = self._random.randrange(self._callees)
        arguments = f"{self._i32(d + 1)} {self._i32(d + 1)}"
        if self._random.random() < 0.3:
            return f"(call_indirect (type $t) {arguments} (i32.const {k}))"
        return f"(call $f{k} {arguments})"

    def _i64(self, d: int) -> str:
        r = self._random
        extended = f"(i64.extend_i32_s {self._i32(d + 1)})"
        return r.choice([f"(i64.const {r.randrange(99)})", f"(local.get $y{r.randrange(2)})", extended])

    def _f64(self, d: int) -> str:
        return self._random.choice(["(f64.const 1.5)", "(local.get $z)", f"(f64.convert_i32_s {self._i32(d + 1)})"])

    # Statements.

    def _statements(self, d: int) -> str:
        return " ".join(self._statement(d) for _ in range(self._random.randrange(1, 4 if d < 4 else 2)))

    def _statement(self, d: int) -> str:
        r = self._random
        kind = r.randrange(16 if d < 5 else 5)
        if kind <= 1:
            return f"(local.set $x{r.randrange(4)} {self._i32(d)})"
        if kind == 2:
            return f"(local.set $y{r.randrange(2)} {self._i64(d)})"
        if kind == 3:
            return f"(local.set $z {self._f64(d)})"
        if kind == 4:
            return f"(global.set $g (i32.add (i32.mul (global.get $g) (i32.const 31)) {self._i32(d)}))"
        if kind == 5:
            return f"(if {self._i32(d)} (then {self._statements(d + 1)}) (else {self._statements(d + 1)}))"
        if kind == 6:
            label = self._label()
            return f"(block {label} {self._statements(d + 1)} (br_if {label} {self._i32(d)}) {self._statements(d + 1)})"
        if kind <= 8:
            label, counter = self._label(), self._counter()
            again = f"(br_if {label} (local.tee {counter} (i32.sub (local.get {counter}) (i32.const 1))))"
            start = f"(local.set {counter} (i32.const {r.randrange(1, 6)}))"
            return f"{start} (loop {label} (call $tick) {self._statements(d + 1)} {again})"
        if kind == 9:
            return f"(if (i32.eqz (i32.and {self._i32(d)} (i32.const 7))) (then {self._throw(d)}))"
        if kind == 10 and self._callees:
            return f"(local.set $x{r.randrange(4)} {self._call(d)})"
        if kind == 11:
            return f"(if (i32.eq {self._i32(d)} (i32.const 77)) (then (return {self._i32(d)})))"
        if kind == 12 and self._callees:
            tail = f"(return_call $f{r.randrange(self._callees)} {self._i32(d)} {self._i32(d)})"
            return f"(if (i32.eq {self._i32(d)} (i32.const 5)) (then {tail}))"
        return self._try(d)

    def _throw(self, d: int) -> str:
        with_values = [f"(throw $a {self._i32(d + 1)})", f"(throw $b {self._i64(d + 1)} {self._f64(d + 1)})"]
        return self._random.choice([*with_values, "(throw $c)", "(throw_ref (local.get $e))"])

    def _try(self, d: int) -> str:
        kind = self._random.randrange(5)
        label, out = self._label(), self._label()
        body = self._statements(d + 1)
        if kind == 0:
            caught = f"(block {label} (result i32) (try_table (catch $a {label}) {body}) (br {out}))"
            return f"(block {out} (local.set $x{self._random.randrange(4)} {caught}))"
        if kind == 1:
            tried = f"(try_table (catch $b {label}) (catch $c {out}) {body})"
            caught = f"(block {label} (result i64 f64) {tried} (br {out}))"
            return f"(block {out} {caught} (local.set $z) (local.set $y1))"
        if kind == 2:
            caught = f"(block {label} (result exnref) (try_table (catch_all_ref {label}) {body}) (br {out}))"
            again = f"(if {self._i32(d)} (then (throw_ref (local.get $e))))"
            return f"(block {out} {caught} (local.set $e) {self._statements(d + 1)} {again})"
        if kind == 3:
            tried = f"(try_table (catch_ref $a {label}) (catch_all {out}) {body})"
            caught = f"(block {label} (result i32 exnref) {tried} (br {out}))"
            return f"(block {out} {caught} (local.set $e) (local.set $x2))"
        counter = self._counter()  # to the head of a loop
        count = f"(local.tee {counter} (i32.sub (local.get {counter}) (i32.const 1)))"
        tried = f"(if {count} (then (try_table (catch $c {label}) {body})))"
        return f"(local.set {counter} (i32.const 4)) (loop {label} (call $tick) {tried})"


def _trap(message: str) -> str:
    return next((word for word in ("null", "unreachable") if word in message), "exception")


def expected(text: str) -> list[Outcome]:
    """How Wasmtime's calls end."""
    config = wasmtime.Config()
    for feature in ("wasm_exceptions", "wasm_gc", "wasm_function_references", "wasm_tail_call"):
        setattr(config, feature, True)
    store = wasmtime.Store(wasmtime.Engine(config))
    exports: Any = wasmtime.Instance(store, wasmtime.Module(store.engine, text), []).exports(store)
    outcomes = []
    for k, x, y in CALLS:
        exports["left"].set_value(store, wasmtime.Val.i32(ROUNDS))
        try:
            how: object = exports[f"f{k}"](store, x, y)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            how = _trap(str(error))
        outcomes.append(Outcome(how, (exports["g"].value(store), exports["left"].value(store))))
    return outcomes


def found(text: str, config: Config) -> tuple[list[Outcome], list[object]]:
    """How ours end, and the values of exceptions that come out, which Wasmtime does not tell."""
    exports = jormun.Instance(jormun.Module(text, config=config)).exports
    outcomes, thrown = [], []
    for k, x, y in CALLS:
        exports.left.value = ROUNDS
        try:
            how: object = exports[f"f{k}"](x, y)
        except Trap as trap:
            how = _trap(str(trap))
        except WasmException as error:
            how = "exception"
            thrown.append(error.values)
        outcomes.append(Outcome(how, (exports.g.value, exports.left.value)))
    return outcomes, thrown


def differences(seed: int, configs: Sequence[str] = tuple(CONFIGS)) -> list[str]:
    """What is not as on Wasmtime, or not the same in all tiers, in the program of a seed."""
    text = Writer(seed).module()
    wanted = expected(text)
    messages = []
    values: list[object] | None = None
    for name in configs:
        outcomes, thrown = found(text, CONFIGS[name])
        messages += [
            f"seed {seed}, {name}, call {call}: {theirs}, here {ours}"
            for call, theirs, ours in zip(CALLS, wanted, outcomes, strict=True)
            if theirs != ours
        ]
        if values is not None and thrown != values:
            messages.append(f"seed {seed}, {name}: other values are thrown than in {configs[0]}")
        values = thrown if values is None else values
    return messages


def main(seed: int, seconds: float) -> None:
    """Run programs for so long."""
    end = time.monotonic() + seconds
    first = seed
    while time.monotonic() < end:
        for message in differences(seed):
            print(message)
        seed += 1
    print(f"seeds {first} to {seed - 1}")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
