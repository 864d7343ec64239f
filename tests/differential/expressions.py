"""Random expressions."""

from __future__ import annotations

from tests.differential import kinds
from tests.differential.calls import Calls
from tests.differential.kinds import exact, fits, is_reference, wasm_type
from tests.differential.making import DEPTH_LIMIT, Maker
from tests.differential.operations import BY_RESULT, LOADS, TRAPPING
from tests.differential.tree import Tree, leaf


class Expressions(Calls):
    """Code that leaves a value."""

    def expression(self, kind: str) -> Tree:
        """Code that leaves one value."""
        self.function.cost += self.times
        self.depth += 1
        try:
            if self.budget <= 0 or self.depth > DEPTH_LIMIT:
                return self.simple(kind)
            self.budget -= 1
            return self.choose(self.options(kind))
        finally:
            self.depth -= 1

    def options(self, kind: str) -> list[tuple[float, Maker]]:
        """Ways to make a value."""
        if is_reference(kind):
            return self.reference_options(kind)
        options: list[tuple[float, Maker]] = [(3, lambda: self.simple(kind)), (1.2, lambda: self.select(kind))]
        if kind in BY_RESULT:
            options.append((9, lambda: self.operation(kind)))
        if kind[-1] == "~":
            arithmetic = kind[:3] + "a"
            options += [(4, lambda: self.expression(arithmetic)), (1, lambda: self.expression(exact(kind)))]
        if kind in LOADS and self.scope.memories:
            options.append((5 if self.is_calm else 3, lambda: self.load(kind)))
        if kind in ("f32", "f64", "v128"):
            options.append((1.5, lambda: self.canonical(kind)))
        if any(fits(own, kind) for _, own in self.settable):
            options.append((0.6, lambda: self.tee(kind)))
        if self.is_calm:
            return options
        options += [
            (0.7, lambda: self.block(kind)),
            (0.8, lambda: self.if_else(kind)),
            (0.3, lambda: self.loop_expression(kind)),
            (1.0, lambda: self.call(kind)),
        ]
        if self.labels and self.depth > 2:
            options += [(0.1, lambda: self.branch(kind)), (0.4, lambda: self.conditional_branch(kind))]
        if kind == "i32":
            options.append((1.2, self.asked))
        if kind in ("i32", "i64"):
            options.append((0.3, lambda: self.size(kind)))
        if kind == "i64":
            options.append((0.5, self.wide))
        return options

    def simple(self, kind: str) -> Tree:
        """A constant, or the value of a local or a global."""
        found = [f"local.get {name}" for name, own in self.locals if fits(own, kind)]
        found += [f"local.get {name}" for name, _ in self.counters if kind == "i32"] * 2
        found += [f"global.get {g.name}" for g in self.scope.globals if fits(g.kind, kind)][:3]
        if found and self.chance(0.65):
            return leaf(kind, self.rng.choice(found))
        if is_reference(kind):
            return self.reference(kind)
        return leaf(kind, kinds.constant(self.rng, kind))

    def operation(self, kind: str) -> Tree:
        """An instruction that computes."""
        rng = self.rng
        operation = rng.choice(BY_RESULT[kind])
        while len(operation.results) > 1 or (operation.name in TRAPPING and self.chance(0.6)):
            operation = rng.choice(BY_RESULT[kind])
        immediate = ""
        if operation.immediate == "lane":
            immediate = f" {rng.randrange(operation.lanes)}"
        elif operation.immediate == "lanes":
            immediate = "".join(f" {rng.randrange(32)}" for _ in range(16))
        if "relaxed_madd" in operation.name or "relaxed_nmadd" in operation.name:
            operands = [self.small_numbers(operation.name[:5]) for _ in operation.params]
        else:
            operands = [self.expression(p) for p in operation.params]
        if operation.name in TRAPPING and self.chance(0.93):
            operands[-1] = self.tamed(operation.name, operation.params[-1], operands[-1])
        return Tree(kind, operation.name + immediate, operands)

    def tamed(self, name: str, kind: str, operand: Tree) -> Tree:
        """An operand that does not trap: an odd divisor, a number within bounds."""
        if kind[0] == "i":
            return Tree(kind, f"{kind}.or", [operand, leaf(kind, f"{kind}.const {self.rng.choice((1, 2, 5))}")])
        sign = name[-1]
        bits = Tree("i32", "i32.and", [self.expression("i32"), self.i32(0x7FFF_FFFF if sign == "s" else 0xFFFF)])
        return Tree(kind, f"{kind[:3]}.convert_i32_{sign}", [Tree("i32", "i32.shr_u", [bits, self.i32(7)])])

    def small_numbers(self, shape: str) -> Tree:
        """A vector of small whole numbers, for which it does not matter whether products are rounded."""
        convert = {"f32x4": "f32x4.convert_i32x4_s", "f64x2": "f64x2.convert_low_i32x4_u"}[shape]
        mask = leaf("v128", "v128.const i32x4 255 127 63 255")
        return Tree(
            "v32a" if shape == "f32x4" else "v64a", convert, [Tree("v128", "v128.and", [self.expression("v128"), mask])]
        )

    def select(self, kind: str) -> Tree:
        """A select."""
        annotation = f" (result {wasm_type(kind)})" if is_reference(kind) or self.chance(0.3) else ""
        return Tree(kind, f"select{annotation}", [self.expression(kind), self.expression(kind), self.expression("i32")])

    def canonical(self, kind: str) -> Tree:
        """An expression whose NaNs are made one and the same."""
        loose = self.rng.choice(("v32~", "v64~")) if kind == "v128" else kind + "~"
        shape = {"v32~": "f32x4", "v64~": "f64x2"}.get(loose, kind)
        value = self.expression(loose)
        name = self.hidden(kind, "c")
        same = leaf(kind, f"local.get {name}")
        is_number = Tree("i32" if kind != "v128" else "v128", f"{shape}.eq", [same, same])
        nan = {"f32x4": "v128.const f32x4 nan nan nan nan", "f64x2": "v128.const f64x2 nan nan"}.get(shape)
        return Tree(
            kind,
            "v128.bitselect" if kind == "v128" else "select",
            [Tree(None, f"local.tee {name}", [value]), leaf(None, nan or f"{kind}.const nan"), is_number],
        )

    def tee(self, kind: str) -> Tree:
        """A local.tee."""
        name, own = self.rng.choice([entry for entry in self.settable if fits(entry[1], kind)])
        return Tree(kind, f"local.tee {name}", [self.expression(own)])

    def wide(self) -> Tree:
        """Wide arithmetic; the high half is put into a local or dropped."""
        operation = self.rng.choice([o for o in BY_RESULT["i64"] if len(o.results) == 2])
        operands = [self.expression("i64") for _ in operation.params]
        pop = self.pop("i64")
        return Tree("i64", "block (result i64)", [Tree(None, operation.name, operands), pop])

    def pop(self, kind: str) -> Tree:
        """Take one value off the stack, into a local if one fits."""
        found = [name for name, own in self.settable if fits(kind, own) and wasm_type(own) == wasm_type(kind)]
        return leaf(None, f"local.set {self.rng.choice(found)}" if found else "drop")

    def asked(self) -> Tree:
        """Whether a reference is null."""
        kind = self.rng.choice(("funcref", "externref"))
        return Tree("i32", "ref.is_null", [self.expression(kind)])

    def size(self, kind: str) -> Tree:
        """The size of a memory or a table, or growing it."""
        memories = [m for m in self.scope.memories if m.address == kind]
        tables = [t for t in self.scope.tables if t.address == kind]
        if memories and self.chance(0.6):
            memory = self.rng.choice(memories)
            if self.chance(0.5):
                return leaf(kind, f"memory.size {memory.name}")
            delta = self.rng.choice((0, 0, 1, 1, 2, 70000, -1))
            return Tree(kind, f"memory.grow {memory.name}", [leaf(kind, f"{kind}.const {delta}")])
        if tables:
            table = self.rng.choice(tables)
            if self.chance(0.6):
                return leaf(kind, f"table.size {table.name}")
            delta = self.rng.choice((0, 1, 2, 70000, -1))
            return Tree(
                kind, f"table.grow {table.name}", [self.expression(table.kind), leaf(kind, f"{kind}.const {delta}")]
            )
        return self.simple(kind)
