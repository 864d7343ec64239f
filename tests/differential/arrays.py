"""Loops over arrays, of the sort that LLVM vectorises: maps, reductions, strided, conditional, overlapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.differential.tree import STATEMENT, Tree, leaf, sequence

if TYPE_CHECKING:
    from tests.differential.functions import FunctionGenerator
    from tests.differential.scope import MemoryScope

_LOADS = {
    "i32": (("load8_u", 1), ("load8_s", 1), ("load16_u", 2), ("load16_s", 2), ("load", 4), ("load", 4), ("load", 4)),
    "i64": (("load8_u", 1), ("load16_s", 2), ("load32_u", 4), ("load32_s", 4), ("load", 8), ("load", 8)),
}
_STORES = {
    "i32": (("store8", 1), ("store16", 2), ("store", 4), ("store", 4)),
    "i64": (("store8", 1), ("store16", 2), ("store32", 4), ("store", 8)),
    "f32": (("store", 4),),
    "f64": (("store", 8),),
}
_BINARY = {
    "i": ("add", "add", "sub", "mul", "and", "or", "xor"),
    "f": ("add", "sub", "mul", "min", "max"),
}
_COMPARISONS = {"i": ("lt_s", "lt_u", "gt_s", "ge_u", "eq", "ne"), "f": ("lt", "gt", "le", "ge", "eq", "ne")}
_BYTES = {"i32": 4, "i64": 8, "f32": 4, "f64": 8}


class ArrayLoop:
    """One loop in the making. Floating-point numbers in it are made of integers, so that none is a NaN."""

    def __init__(self, f: FunctionGenerator, rounds: int, memory: MemoryScope) -> None:
        self.f = f
        self.rng = f.rng
        self.rounds = rounds
        self.memory = memory
        self.type: str = f.rng.choice(("i32", "i32", "i32", "i64", "f32", "f64"))
        self.counter = f.hidden("i32", "i")
        self.before: list[Tree] = []
        self.steps: list[Tree] = []
        """What moves the pointers, at the end of each round."""

    def make(self) -> Tree:
        """The whole loop."""
        f, rng = self.f, self.rng
        f.function.is_imprecise = True
        f.function.cost += f.times * self.rounds * 20
        body = [self.statement() for _ in range(1 + rng.randrange(3))]
        loop = f.counted(self.counter, self.rounds, [*body, *self.steps], None, None)
        return sequence([*self.before, loop], STATEMENT)

    def statement(self) -> Tree:
        """What is done with an element, or with a few."""
        rng = self.rng
        match rng.randrange(12):
            case 0 | 1 | 2 | 3 | 4:
                return self.store()
            case 5 | 6:
                return self.accumulate()
            case 7:
                return Tree(STATEMENT, "if", [self.condition(), Tree(None, "then", [self.store()])])
            case 8:
                return Tree(STATEMENT, "if", [self.condition(), Tree(None, "then", [self.accumulate()])])
            case 9:
                return Tree(STATEMENT, "drop", [self.number("i32")])
            case 10:  # an element that only one branch needs
                name = self.f.hidden("i32", "v")
                inner = Tree(STATEMENT, self.sink(), [leaf("i32", f"local.get {name}")])
                branch = Tree(STATEMENT, "if", [self.condition(), Tree(None, "then", [inner])])
                return sequence([Tree(STATEMENT, f"local.set {name}", [self.number("i32")]), branch], STATEMENT)
            case _:  # a histogram
                size = min(256, 1 << self.memory.size_bytes.bit_length() - 1)
                cell = Tree(None, "i32.and", [self.number("i32"), leaf(None, f"i32.const {size - 1}")])
                name = self.f.hidden("i32", "v")
                place = self.as_address(leaf(None, f"local.get {name}"))
                old = Tree("i32", f"i32.load8_u {self.memory.name}", [place])
                more = Tree("i32", "i32.add", [old, leaf("i32", "i32.const 1")])
                return sequence(
                    [
                        Tree(STATEMENT, f"local.set {name}", [cell]),
                        Tree(STATEMENT, f"i32.store8 {self.memory.name}", [place, more]),
                    ],
                    STATEMENT,
                )

    def sink(self) -> str:
        """An instruction that takes an i32: sets a global, if there is one for it."""
        found = [g.name for g in self.f.scope.globals if g.is_mutable and g.kind == "i32"]
        return f"global.set {found[0]}" if found else "drop"

    def as_address(self, index: Tree) -> Tree:
        """An i32 as an address."""
        return index if self.memory.address == "i32" else Tree(None, "i64.extend_i32_u", [index])

    def store(self) -> Tree:
        """Write an element."""
        verb, size_bytes = self.rng.choice(_STORES[self.type])
        place, offset = self.place(size_bytes)
        return Tree(
            STATEMENT, f"{self.type}.{verb} {self.memory.name}{offset}", [place, self.value(self.rng.randrange(1, 4))]
        )

    def accumulate(self) -> Tree:
        """Combine an element with a number that the loop carries."""
        f, rng = self.f, self.rng
        entry = f.local({"f32": "f32a", "f64": "f64a"}.get(self.type, self.type), "s")
        f.settable.append(entry)
        name = entry[0]
        old, value = leaf(None, f"local.get {name}"), self.value(rng.randrange(2))
        if rng.random() < 0.3:
            kept = f.hidden(self.type, "v")
            verb = rng.choice(_COMPARISONS[self.type[0]])
            test = Tree(None, f"{self.type}.{verb}", [Tree(None, f"local.tee {kept}", [value]), old])
            body = Tree(None, "then", [leaf(STATEMENT, f"local.set {name} (local.get {kept})")])
            return Tree(STATEMENT, "if", [test, body])
        verb = rng.choice(_BINARY[self.type[0]])
        return Tree(STATEMENT, f"local.set {name}", [Tree(None, f"{self.type}.{verb}", [old, value])])

    def condition(self) -> Tree:
        """A comparison of elements."""
        t = self.rng.choice(("i32", self.type))
        verb = self.rng.choice(_COMPARISONS[t[0]])
        return Tree("i32", f"{t}.{verb}", [self.number(t), self.constant(t)])

    def value(self, depth: int) -> Tree:
        """A number computed from elements."""
        t, rng = self.type, self.rng
        if depth == 0:
            return self.constant(t) if rng.random() < 0.15 else self.number(t)
        if rng.random() < 0.1:
            return Tree(t, "select", [self.value(depth - 1), self.value(depth - 1), self.condition()])
        if t[0] == "i" and rng.random() < 0.2:
            amount = leaf(None, f"{t}.const {rng.randrange(40)}")
            return Tree(t, f"{t}.{rng.choice(('shl', 'shr_s', 'shr_u', 'rotl'))}", [self.value(depth - 1), amount])
        return Tree(t, f"{t}.{rng.choice(_BINARY[t[0]])}", [self.value(depth - 1), self.value(0)])

    def constant(self, t: str) -> Tree:
        """A small constant."""
        return leaf(t, f"{t}.const {self.rng.choice((0, 1, 2, 3, 5, 7, 10, 100, 127, 255))}")

    def number(self, t: str) -> Tree:
        """An element as a number, or the counter."""
        rng = self.rng
        if t[0] == "f":
            return Tree(t, f"{t}.convert_i32_{rng.choice('su')}", [self.number("i32")])
        if rng.random() < 0.1:
            index = leaf("i32", f"local.get {self.counter}")
            return index if t == "i32" else Tree(t, "i64.extend_i32_u", [index])
        verb, size_bytes = rng.choice(_LOADS[t])
        place, offset = self.place(size_bytes)
        return Tree(t, f"{t}.{verb} {self.memory.name}{offset}", [place])

    def place(self, size_bytes: int) -> tuple[Tree, str]:
        """The address of an element, and an offset behind it."""
        f, rng = self.f, self.rng
        stride = size_bytes * rng.choice((1, 1, 1, 1, 1, 1, 2, 3, 4))
        if rng.random() < 0.05:
            stride = rng.choice((0, 1))
        reach = (self.rounds - 1) * stride
        last = self.memory.size_bytes - reach - size_bytes
        if last < 0:
            stride, reach = 0, 0
            last = self.memory.size_bytes - size_bytes
        if rng.random() < 0.015:
            last += rng.choice((1, size_bytes, reach))
        offset = rng.choice((0, 0, rng.randrange(min(last, 64) + 1), rng.randrange(last + 1)))
        last -= offset
        text = f" offset={offset}" if offset else ""
        if rng.random() < 0.35:  # a pointer that moves
            pointer = f.hidden(self.memory.address, "q")
            self.before.append(Tree(None, f"local.set {pointer}", [self.base(last)]))
            t = self.memory.address
            get = leaf(None, f"local.get {pointer}")
            moved = Tree(None, f"{t}.add", [get, leaf(None, f"{t}.const {stride}")])
            self.steps.append(Tree(STATEMENT, f"local.set {pointer}", [moved]))
            return get, text
        index = leaf(None, f"local.get {self.counter}")
        if rng.random() < 0.15:
            index = Tree(None, "i32.sub", [leaf(None, f"i32.const {self.rounds - 1}"), index])
        scaled = self.as_address(f.scaled(index, stride))
        base = f.hidden(self.memory.address, "q")
        self.before.append(Tree(None, f"local.set {base}", [self.base(last)]))
        return Tree(None, f"{self.memory.address}.add", [leaf(None, f"local.get {base}"), scaled]), text

    def base(self, last: int) -> Tree:
        """Where an array begins: known or not."""
        f, rng = self.f, self.rng
        t = self.memory.address
        if rng.random() < 0.5:
            return leaf(t, f"{t}.const {rng.choice((last, rng.randrange(last + 1), rng.randrange(min(64, last) + 1)))}")
        mask = (1 << (last + 1).bit_length() - 1) - 1
        return Tree(t, f"{t}.and", [f.simple(t), leaf(t, f"{t}.const {mask & rng.choice((-1, -16, 0xFF))}")])


def array_loop(f: FunctionGenerator, rounds: int) -> Tree | None:
    """A loop over arrays in one of the memories; None if none is large enough."""
    found = [m for m in f.scope.memories if m.size_bytes >= 1000]
    return ArrayLoop(f, rounds, f.rng.choice(found)).make() if found else None
