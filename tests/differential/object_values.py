"""Values in random programs of structures, arrays and casts: code that leaves one (objects.py)."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.differential.object_types import KINDS, MAKEABLE, PACKED, below, to_i32, type_of

LOCALS = ("P", "N", "Q", "A", "X", "G", "Z", "B", "D")
"""Kinds of which functions have two locals, `$P0` and `$P1`."""
GLOBALS = {"P": "$gP", "N": "$gN", "A": "$gA", "X": "$gX", "D": "$deep"}


class Values:
    """Writes values."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._labels = self.callees = self.loops = 0

    def statements(self, d: int) -> str:
        """Code that leaves nothing."""
        raise NotImplementedError

    def label(self) -> str:
        """A new one."""
        self._labels += 1
        return f"$l{self._labels}"

    def counter(self) -> str:
        """A new local that counts rounds of a loop."""
        self.loops += 1
        return f"$c{self.loops - 1}"

    # `d` is how deep they are.

    def value(self, storage: str, d: int) -> str:
        """Of a field of this type."""
        if storage in KINDS:
            return self.ref(storage, d)
        x = self.i32(d)
        if storage in ("i32", *PACKED):
            return x
        if storage == "v128":
            return f"(i32x4.splat {x})"
        return f"({storage}.{'extend' if storage == 'i64' else 'convert'}_i32_s {x})"

    def i32(self, d: int = 0) -> str:
        """A number."""
        r = self.random
        kind = r.randrange(13 if d < 3 else 3)
        if kind == 0:
            return f"(i32.const {r.choice([-3, 0, 1, 2, 5, 127, 128, 40000, 1 << 30])})"
        if kind <= 2:
            return f"(local.get $x{r.randrange(2)})"
        if kind == 3:
            return f"(i32.{r.choice(['add', 'xor', 'mul'])} {self.i32(d + 1)} {self.i32(d + 1)})"
        if kind == 4:
            tested = r.choice(below("N"))
            null = r.choice(["", "null "])
            return f"(ref.test (ref {null}{KINDS[tested].heap}) {self.ref(r.choice(['N', 'G']), d + 1)})"
        if kind == 5:
            return f"(ref.eq {self.ref('G', d + 1)} {self.ref(r.choice(below('G')), d + 1)})"
        if kind == 6:
            return f"(i31.get_{r.choice('su')} {self.ref('I', d + 1)})"
        if kind == 7:
            return f"(array.len {self.ref(r.choice(below('Y')), d + 1)})"
        if kind == 8:
            made = r.choice(MAKEABLE)
            storage, code = self._get(made, d, ("i8", "i16", "i32", "i64", "v128", "f32"))
            return to_i32(storage, code) if code else f"(ref.is_null {self.ref(made, d + 1)})"
        if kind == 9:
            return f"(i32.and {self.i32(d + 1)} (i32.const 3))"
        if kind == 10:
            return f"(call $fold {self.ref('N', d + 1)} (i32.const {r.randrange(4)}))"
        if kind == 11 and r.random() < 0.2:
            return f"(call $again {self.i32(d + 1)})"
        label = self.label()
        return (
            f"(block {label} (result i32) {self.statements(d + 2)} (br_if {label} {self.i32(d + 1)} {self.i32(d + 1)}))"
        )

    def _get(self, kind: str, d: int, storages: Sequence[str]) -> tuple[str, str]:
        """A field or an element of such an object, and its type; nothing if it has none of those types."""
        r, what = self.random, KINDS[kind]
        fields = [k for k, t in enumerate(what.fields) if t in storages]
        if fields:
            k = r.choice(fields)
            get = f"struct.get_{r.choice('su')}" if what.fields[k] in PACKED else "struct.get"
            return what.fields[k], f"({get} {what.heap} {k} {self.ref(kind, d + 1)})"
        if what.element in storages and what.element:
            get = f"array.get_{r.choice('su')}" if what.element in PACKED else "array.get"
            return what.element, f"({get} {what.heap} {self.ref(kind, d + 1)} {self.index(d)})"
        return "", ""

    def is_rare(self) -> bool:
        """Whether something is to be done that may trap, or is slow."""
        return self.random.random() < 0.04

    def index(self, d: int) -> str:
        """A small number."""
        if self.random.random() < 0.7:
            return f"(i32.const {self.random.choice([0, 0, 1, 1, 2, 3])})"
        return f"(i32.and {self.i32(d + 1)} (i32.const {self.random.choice([1, 3])}))"

    def new(self, kind: str, d: int) -> str:
        """A new object."""
        r, what = self.random, KINDS[kind]
        heap = what.heap
        if what.fields:
            if d > 4 or r.random() < 0.05:
                return f"(struct.new_default {heap})"
            return f"(struct.new {heap} {' '.join(self.value(t, d + 1) for t in what.fields)})"
        way = r.randrange(0 if what.element not in KINDS or self.is_rare() else 1, 6) if d < 4 else 0
        length = r.choice([0, 1, 3, 9000]) if self.is_rare() else r.choice([4, 4, 5, 8, 100])
        if way == 0:
            return f"(array.new_default {heap} (i32.const {length}))"
        if way == 1:
            return f"(array.new {heap} {self.value(what.element, d + 1)} (i32.const {length}))"
        if way == 2 and what.element in ("P", "N"):
            segment = "$elem" if what.element == "P" else r.choice(["$elem", "$items"])
            return f"(array.new_elem {heap} {segment} (i32.const {int(self.is_rare())}) (i32.const {r.choice([4, 5])}))"
        if way == 2:
            return f"(array.new_data {heap} $data {self.index(d)} (i32.const {r.choice([4, 4, 5])}))"
        count = r.randrange(4) if self.is_rare() else r.choice([4, 4, 5])
        return f"(array.new_fixed {heap} {count} {' '.join(self.value(what.element, d + 1) for _ in range(count))})"

    def ref(self, kind: str, d: int) -> str:
        """A reference of a kind, or of one below it; it may be null."""
        r, heap = self.random, KINDS[kind].heap
        if kind == "X":
            if d < 4 and r.random() < 0.4:
                return f"(extern.convert_any {self.ref('N', d + 1)})"
            return f"(local.get $X{r.randrange(2)})"
        if r.random() < 0.3:
            lower = r.choice(below(kind))
            if lower != kind:
                return self.ref(lower, d)
        if kind == "I":
            return f"(ref.i31 {self.i32(d + 1)})"
        t, label = type_of(kind), self.label()
        way = r.randrange(20 if d < 4 else 4)
        if way <= 1 and kind in LOCALS:
            return f"(local.get ${kind}{r.randrange(2)})"
        if way == 2 and kind in GLOBALS:
            return f"(global.get {GLOBALS[kind]})"
        if way <= 6:
            if kind in MAKEABLE:
                return self.new(kind, d)
            if kind == "N" and r.random() < 0.3:
                return "(any.convert_extern (local.get $X0))"
            return self.ref(r.choice([k for k in below(kind) if k in MAKEABLE]), d)
        if way == 7 and (kind == "N" or r.random() < 0.1):
            return f"(ref.cast {t} {self.ref(r.choice(self._above(kind)), d + 1)})"
        if way == 8:  # what does not match is replaced
            other = f"(drop (br_on_cast {label} anyref (ref {heap}) {self.ref('N', d + 1)})) {self.new_of(kind, d + 1)}"
            return f"(block {label} (result {t}) {self.statements(d + 2)} {other})"
        if way == 9:
            taken = f"(br_on_cast_fail {label} anyref {t} {self.ref('N', d + 1)})"
            out = self.label()
            tried = f"(drop (block {label} (result anyref) (br {out} {taken})))"
            return f"(block {out} (result {t}) {tried} {self.new_of(kind, d + 1)})"
        if way == 10:
            return f"(select (result {t}) {self.ref(kind, d + 1)} {self.ref(kind, d + 1)} {self.i32(d + 1)})"
        if way == 11:
            then, other = (f"{self.statements(d + 2)} {self.ref(kind, d + 1)}" for _ in range(2))
            return f"(if (result {t}) {self.i32(d + 1)} (then {then}) (else {other}))"
        if way == 12:
            outer = self.label()
            branch = f"(br_table {label} {outer} {label} {self.ref(kind, d + 1)} {self.i32(d + 1)})"
            return f"(block {outer} (result {t}) (block {label} (result {t}) {branch}) (drop) {self.ref(kind, d + 1)})"
        if way == 13:  # a loop's parameter
            counter = self.counter()
            again = f"(br_if {label} (local.tee {counter} (i32.sub (local.get {counter}) (i32.const 1))))"
            start = f"{self.ref(kind, d + 1)} (local.set {counter} (i32.const {r.randrange(1, 4)}))"
            body = f"(call $tick) {self.statements(d + 2)} (drop) {self.ref(kind, d + 1)} {again}"
            return f"{start} (loop {label} (param {t}) (result {t}) {body})"
        if way == 14 and kind == "P" and self.callees > 0:
            return self._call(d)
        if way == 15 and kind in ("N", "P"):
            return self._caught(kind, label, d)
        if way == 16 and kind in LOCALS:
            return f"(local.tee ${kind}{r.randrange(2)} {self.ref(kind, d + 1)})"
        if way == 17 and kind in ("N", "P"):
            return f"(table.get $t{kind} {self.index(d)})"
        if way == 18:
            null = f"(br_on_null {label} {self.ref(kind, d + 1)})"
            out = self.label()
            return f"(block {out} (result {t}) (block {label} (br {out} {null})) {self.new_of(kind, d + 1)})"
        made = r.choice(MAKEABLE)
        return self._get(made, d, (kind,))[1] or self.new_of(kind, d)

    def new_of(self, kind: str, d: int) -> str:
        """A new object of a kind or below."""
        return self.new(self.random.choice([k for k in below(kind) if k in MAKEABLE]), d)

    def _above(self, kind: str) -> list[str]:
        found = []
        while kind:
            found.append(kind)
            kind = KINDS[kind].above
        return found

    def _call(self, d: int) -> str:
        k = self.random.choice([k for k in range(self.callees) if k % 3 == 0])
        return f"(call $f{k} {self.i32(d + 1)} {self.ref('P', d + 1)} {self.ref('N', d + 1)})"

    def _caught(self, kind: str, label: str, d: int) -> str:
        if kind == "N":
            throw = f"(if {self.i32(d + 1)} (then (throw $ref {self.ref('N', d + 1)})))"
            tried = f"(try_table (result anyref) (catch $ref {label}) {throw} {self.ref('N', d + 1)})"
            return f"(block {label} (result anyref) {tried})"
        throw = f"(throw $two {self.i32(d + 1)} {self.ref('P', d + 1)})"
        tried = f"(try_table (catch $two {label}) {self.statements(d + 2)} {throw}) unreachable"
        out = "(local.set $P1) (local.set $x1) (local.get $P1)"
        return f"(block {label} (result i32 (ref null $p)) {tried}) {out}"
