"""Random programs of structures, arrays and casts, and how they end here and on Wasmtime.

python -m tests.differential.objects SEED SECONDS runs those from a seed on, and prints what differs. With a third
argument, `collecting`, here objects are collected whenever one is made (tests/collecting.py).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import wasmtime

import jormun
from jormun import Config, Trap, WasmException
from jormun.runtime.tiering.settings import Tiering
from tests.collecting import collecting
from tests.differential.object_types import KINDS, MAKEABLE, below, head, type_of
from tests.differential.object_values import GLOBALS, LOCALS, Values

CONFIGS = {
    "baseline": Config(tier="baseline", cache=False),
    "optimizing": Config(tier="optimizing", cache=False),
    "at a loop": Config(cache=False, tiering=Tiering(threshold=0, entry_weight=0, is_synchronous=True)),
    "at random": Config(cache=False, tiering=Tiering(threshold=3, seed=1, is_synchronous=True)),
}
ROUNDS = 300
"""How many entries of functions and rounds of loops a call may have; then it traps."""
FUNCTIONS = 6
CALLS = [(k, x, y) for k in (5, 2) for x, y in ((0, 1), (5, -2), (77, 3))]
"""An entry and its arguments."""
_TRAPS = ("null", "unreachable", "cast", "array", "table", "memory", "stack")


class Writer(Values):
    """Writes the text of one program. Functions: two inner ones, an entry, and the same again."""

    def module(self) -> str:
        """The program. Functions call those with smaller numbers alone."""
        return "".join([head(), *map(self._function, range(FUNCTIONS)), ")"])

    def _function(self, k: int) -> str:
        self.callees, self.loops = k, 0
        body = " ".join(self._statement(0) for _ in range(self.random.randrange(3, 8)))
        if k % 3 == 0:
            head = f"(func $f{k} (type $one) (param $x0 i32) (param $P0 (ref null $p)) (param $N0 anyref)"
            head += " (result (ref null $p)) (local $x1 i32) (local $X0 externref)"
            result = self.ref("P", 1)
        elif k % 3 == 1:
            head = f"(func $f{k} (type $many) (param $x0 i32) (param $P0 (ref null $p)) (param $N0 anyref)"
            head += " (result anyref i32 (ref null $structs)) (local $x1 i32) (local $X0 externref)"
            result = f"{self.ref('N', 1)} {self.i32(1)} {self.ref('A', 1)}"
        else:
            head = f'(func $f{k} (export "f{k}") (param $x0 i32) (param $x1 i32) (param $X0 externref) (result i32)'
            head += " (local $P0 (ref null $p)) (local $N0 anyref)"
            result = f"(call $note {self.i32(0)}) {self._state()}"
        names = [f"(local ${kind}{n} {type_of(kind)})" for kind in LOCALS for n in (0, 1)]
        names = [each for each in names if each.split()[1] not in ("$P0", "$N0", "$X0")]
        counters = " ".join(f"(local $c{n} i32)" for n in range(self.loops))
        first = [f"(local.set ${kind}{n} {self.ref(kind, 4)})" for kind in LOCALS for n in (0, 1) if kind != "X"]
        return f"{head} {' '.join(names)} {counters}\n(call $tick) {' '.join(first)} {body} {result})\n"

    def _state(self) -> str:
        folded = "".join(
            f"(call $note (call $fold {self._any(kind, f'(local.get ${kind}{n})')} (i32.const 4)))\n"
            for kind in LOCALS
            for n in (0, 1)
        )
        for kind, name in GLOBALS.items():
            folded += f"(call $note (call $fold {self._any(kind, f'(global.get {name})')} (i32.const 4)))\n"
        return f"{folded} (global.get $h)"

    def _any(self, kind: str, x: str) -> str:
        return f"(any.convert_extern {x})" if kind == "X" else x

    # Statements.

    def statements(self, d: int) -> str:
        """Code that leaves nothing."""
        return " ".join(self._statement(d) for _ in range(self.random.randrange(1, 3) if d < 3 else 0))

    def _statement(self, d: int) -> str:
        r = self.random
        kind = r.randrange(18 if d < 3 else 5)
        if kind <= 1:
            local = r.choice(LOCALS)
            return f"(local.set ${local}{r.randrange(2)} {self.ref(local, d + 1)})"
        if kind == 2:
            return f"(local.set $x{r.randrange(2)} {self.i32(d + 1)})"
        if kind == 3:
            name = r.choice(list(GLOBALS))
            return f"(global.set {GLOBALS[name]} {self.ref(name, d + 1)})"
        if kind == 4:
            return f"(call $note {self.i32(d + 1)})"
        if kind <= 6:
            return self._set(r.choice(MAKEABLE), d)
        if kind == 7:
            table = r.choice("PN")
            return f"(table.set $t{table} {self.index(d)} {self.ref(table, d + 1)})"
        if kind == 8:
            return self._change_table(r.choice("PN"), d)
        if kind <= 10:
            return self._change_array(r.choice([k for k in MAKEABLE if KINDS[k].element]), d)
        if kind == 11:
            return f"(if {self.i32(d + 1)} (then {self.statements(d + 1)}) (else {self.statements(d + 1)}))"
        if kind <= 13:
            label, counter = self.label(), self.counter()
            again = f"(br_if {label} (local.tee {counter} (i32.sub (local.get {counter}) (i32.const 1))))"
            start = f"(local.set {counter} (i32.const {r.randrange(1, 6)}))"
            return f"{start} (loop {label} (call $tick) {self.statements(d + 1)} {again})"
        if kind == 14:
            return f"(drop {self.ref(r.choice(below('N')), d + 1)})"
        if kind == 15 and self.callees > 1:
            k = r.choice([k for k in range(self.callees) if k % 3 == 1])
            called = f"(call $f{k} {self.i32(d + 1)} {self.ref('P', d + 1)} {self.ref('N', d + 1)})"
            return f"{called} (local.set $A1) (local.set $x1) (local.set $N1)"
        if kind == 16:
            throw = f"(if {self.i32(d + 1)} (then (throw $ref {self.ref('N', d + 1)})))"
            label, out = self.label(), self.label()
            tried = f"(try_table (catch_ref $ref {label}) {self.statements(d + 1)} {throw} {self.statements(d + 1)})"
            caught = f"(block {label} (result anyref exnref) {tried} (br {out}))"
            return f"(block {out} {caught} (drop) (local.set $N0))"
        return f"(local.set $N{r.randrange(2)} {self.ref('N', d + 1)})"

    def _set(self, kind: str, d: int) -> str:
        r, what = self.random, KINDS[kind]
        x = self.ref(kind, d + 1)
        if what.fields:
            k = r.randrange(len(what.fields))
            return f"(struct.set {what.heap} {k} {x} {self.value(what.fields[k], d + 1)})"
        return f"(array.set {what.heap} {x} {self.index(d)} {self.value(what.element, d + 1)})"

    def _change_table(self, kind: str, d: int) -> str:
        r = self.random
        x, k, n = self.ref(kind, d + 1), self.index(d), r.choice([0, 1, 1, 2])
        segment = "$elem" if kind == "P" else r.choice(["$elem", "$items"])
        return r.choice(
            [
                f"(table.fill $t{kind} {k} {x} (i32.const {n}))",
                f"(call $note (table.grow $t{kind} {x} (i32.const {n})))",
                f"(table.copy $t{kind} $t{kind} {k} {self.index(d)} (i32.const {n}))",
                f"(table.copy $tN $tP {k} {self.index(d)} (i32.const {n}))",
                f"(table.init $t{kind} {segment} {k} {self.index(d)} (i32.const {n}))",
            ]
        )

    def _change_array(self, kind: str, d: int) -> str:
        r, what = self.random, KINDS[kind]
        x, k, n = self.ref(kind, d + 1), self.index(d), r.choice([0, 1, 1, 1, 2, 3])
        way = r.randrange(3)
        if way == 0:
            return f"(array.fill {what.heap} {x} {k} {self.value(what.element, d + 1)} (i32.const {n}))"
        if way == 1:
            source = "$structs" if kind == "Z" and r.random() < 0.3 else what.heap
            y = self.ref("A" if source == "$structs" else kind, d + 1)
            return f"(array.copy {what.heap} {source} {x} {k} {y} {self.index(d)} (i32.const {n}))"
        if what.element in KINDS:
            segment = "$elem" if what.element == "P" else r.choice(["$elem", "$items"])
            return f"(array.init_elem {what.heap} {segment} {x} {k} {self.index(d)} (i32.const {n}))"
        return f"(array.init_data {what.heap} $data {x} {k} {self.index(d)} (i32.const {n}))"


def _trap(message: str) -> str:
    message = message.lower().split("caused by")[-1]
    return next(
        (word for word in _TRAPS if word in message), message[-80:] if "exception" not in message else "exception"
    )


def expected(text: str) -> list[object]:
    """How Wasmtime's calls end, and the global that notes what went by."""
    config = wasmtime.Config()
    for feature in ("wasm_exceptions", "wasm_gc", "wasm_function_references", "wasm_tail_call"):
        setattr(config, feature, True)
    store = wasmtime.Store(wasmtime.Engine(config))
    exports: Any = None
    calls = [0]

    def again(x: int) -> int:
        calls[0] += 1
        return x + 1 if calls[0] % 2 else int(exports["f2"](store, x, 1, None))

    host = wasmtime.Func(store, wasmtime.FuncType([wasmtime.ValType.i32()], [wasmtime.ValType.i32()]), again)
    exports = wasmtime.Instance(store, wasmtime.Module(store.engine, text), [host]).exports(store)
    outcomes: list[object] = []
    for k, x, y in CALLS:
        calls[0] = 0
        exports["left"].set_value(store, wasmtime.Val.i32(ROUNDS))
        try:
            how: object = exports[f"f{k}"](store, x, y, "host's")
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            how = _trap(str(error))
        outcomes.append((how, exports["h"].value(store), exports["left"].value(store)))
    return outcomes


def found(text: str, config: Config, limits: jormun.Limits | None = None) -> list[object]:
    """How ours end."""
    calls = [0]

    def again(x: int) -> int:
        calls[0] += 1
        return x + 1 if calls[0] % 2 else int(exports.f2(x, 1, None))

    store = jormun.Store(limits=limits) if limits is not None else jormun.Store()
    exports = jormun.Instance(jormun.Module(text, config=config), {"host": {"again": again}}, store=store).exports
    outcomes: list[object] = []
    for k, x, y in CALLS:
        calls[0] = 0
        exports.left.value = ROUNDS
        try:
            how: object = exports[f"f{k}"](x, y, "host's")
        except Trap as trap:
            how = _trap(str(trap))
        except WasmException:
            how = "exception"
        outcomes.append((how, exports.h.value, exports.left.value))
    return outcomes


def differences(seed: int, configs: Sequence[str] = tuple(CONFIGS), *, is_collecting: bool = False) -> list[str]:
    """What is not as on Wasmtime in the program of a seed."""
    text = Writer(seed).module()
    wanted = expected(text)
    messages = []
    for name in configs:
        with collecting() if is_collecting else nullcontext():
            outcomes = found(text, CONFIGS[name])
        for call, theirs, ours in zip(CALLS, wanted, outcomes, strict=True):
            if "stack" in (theirs[0], ours[0]):
                break  # how deep a guest gets is the engines' own, and so is what there is from then on
            if theirs != ours:
                messages.append(f"seed {seed}, {name}, call {call}: {theirs}, here {ours}")
    return messages


def main(seed: int, seconds: float, is_collecting: bool) -> None:
    """Run programs for so long."""
    end = time.monotonic() + seconds
    first = seed
    while time.monotonic() < end:
        for message in differences(seed, is_collecting=is_collecting):
            print(message)
        seed += 1
    print(f"seeds {first} to {seed - 1}")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), "collecting" in sys.argv[3:])
