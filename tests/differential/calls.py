"""Random references and calls."""

from __future__ import annotations

from tests.differential import kinds
from tests.differential.accesses import Accesses
from tests.differential.kinds import fits, wasm_type
from tests.differential.making import COST_LIMIT, Maker
from tests.differential.scope import FunctionScope, TableScope
from tests.differential.tree import STATEMENT, Tree, leaf


class Calls(Accesses):
    """Code that refers to functions and calls them."""

    def reference_options(self, kind: str) -> list[tuple[float, Maker]]:
        """Ways to make a reference."""
        options: list[tuple[float, Maker]] = [(3, lambda: self.simple(kind)), (1, lambda: self.reference(kind))]
        tables = [t for t in self.scope.tables if t.kind == kind]
        if tables:
            options.append((1.5, lambda: self.table_get(self.rng.choice(tables))))
        options.append((0.5, lambda: self.select(kind)))
        options.append((0.5, lambda: self.block(kind)))
        options.append((0.5, lambda: self.if_else(kind)))
        options.append((0.3, lambda: self.call(kind)))
        return options

    def reference(self, kind: str) -> Tree:
        """A reference made anew, or null."""
        if kind == "externref":
            makers = [f for f in self.scope.functions if f.name == "$obj"]
            if makers and self.chance(0.6) and not self.is_calm and self.affords(makers[0]):
                self.charge(makers[0])
                return Tree(kind, "call $obj", [self.i32(self.rng.randrange(8))])
        else:
            found = [f.name for f in self.scope.referable if kind == "funcref" or kind == f"ref {f.type_index}"]
            if found and self.chance(0.8):
                return leaf(kind, f"ref.func {self.rng.choice(found)}")
        return leaf(kind, kinds.zero(kind))

    def table_index(self, table: TableScope, count: int = 1) -> Tree:
        """An index into a table, nearly always within it."""
        t = table.address
        last = max(0, table.size - count)
        if self.chance(0.02):
            return self.expression(t)
        if self.chance(0.5):
            return leaf(t, f"{t}.const {self.rng.randrange(last + 1 + (self.rng.random() < 0.03))}")
        mask = (1 << (last + 1).bit_length() - 1) - 1
        return Tree(t, f"{t}.and", [self.expression(t), leaf(t, f"{t}.const {mask}")])

    def table_get(self, table: TableScope) -> Tree:
        """An element of a table."""
        return Tree(table.kind, f"table.get {table.name}", [self.table_index(table)])

    def affords(self, callee: FunctionScope) -> bool:
        """Whether it may be called here without running too long."""
        return self.function.cost + self.times * callee.cost < COST_LIMIT

    def charge(self, callee: FunctionScope) -> None:
        """Note a call."""
        self.function.cost += self.times * callee.cost
        self.function.is_imprecise |= callee.is_imprecise

    def callees(self) -> list[FunctionScope]:
        """What may be called by name."""
        return [f for f in self.scope.functions if self.affords(f)]

    def referable(self) -> list[FunctionScope]:
        """What may be called through a reference; as one of them may stand in for any other, all or none."""
        if not self.calls_references or not all(map(self.affords, self.scope.referable)):
            return []
        return self.scope.referable

    def arguments(self, callee: FunctionScope) -> list[Tree]:
        """Arguments for a call."""
        self.depth += 1
        found = [self.expression(kind) for kind in callee.params]
        self.depth -= 1
        return found

    def any_call(self, callee: FunctionScope, kind: str) -> Tree:
        """A call, direct or through a reference."""
        if callee in self.referable() and self.chance(0.7):
            return self.reference_call(callee, kind)
        self.charge(callee)
        return Tree(kind, f"call {callee.name}", self.arguments(callee))

    def reference_call(self, callee: FunctionScope, kind: str, prefix: str = "") -> Tree:
        """A call through a table or a reference, mostly of this very function."""
        for each in self.scope.referable:
            self.function.is_imprecise |= each.is_imprecise
        self.function.cost += self.times * max(each.cost for each in self.scope.referable)
        arguments = self.arguments(callee)
        tables = [t for t in self.scope.tables if callee.name in t.entries]
        t = callee.type_index
        if tables and self.chance(0.7):
            table = self.rng.choice(tables)
            if self.chance(0.9):
                index = leaf(table.address, f"{table.address}.const {table.entries.index(callee.name)}")
            else:
                index = self.table_index(table)
            return Tree(kind, f"{prefix}call_indirect {table.name} (type $t{t})", [*arguments, index])
        reference = leaf(f"ref {t}", f"ref.func {callee.name}") if self.chance(0.8) else self.reference(f"ref {t}")
        return Tree(kind, f"{prefix}call_ref $t{t}", [*arguments, reference])

    def call(self, kind: str) -> Tree:
        """A call whose first result is wanted; the others are put into locals or dropped."""
        found = [
            f
            for f in {id(f): f for f in (*self.callees(), *self.referable())}.values()
            if f.results and fits(f.results[0], kind) and wasm_type(f.results[0]) == wasm_type(kind)
        ]
        if not found:
            return self.simple(kind)
        callee = self.rng.choice(found)
        if len(callee.results) == 1:
            return self.any_call(callee, kind)
        call = self.any_call(callee, STATEMENT)
        call.kind = None
        pops = [self.pop(result) for result in reversed(callee.results[1:])]
        return Tree(kind, f"block (result {wasm_type(kind)})", [call, *pops])
