"""Random blocks, branches and loops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.differential.kinds import wasm_type
from tests.differential.making import COST_LIMIT, Making
from tests.differential.tree import Tree, leaf


class Control(Making):
    """Code that goes elsewhere; a loop counts, so that it ends."""

    @contextmanager
    def label(self, *results: str) -> Iterator[str]:
        """A label that takes values of these kinds, for code that is made meanwhile."""
        name = self.fresh("b")
        self.labels.append((name, results))
        yield name
        self.labels.pop()

    def block(self, kind: str) -> Tree:
        """A block with a result."""
        with self.label(kind) as name:
            inner = self.statements(self.rng.randrange(3))
            value = self.expression(kind)
        return Tree(kind, f"block {name} (result {wasm_type(kind)})", [*inner, value])

    def if_else(self, kind: str) -> Tree:
        """An if with a result."""
        condition = self.expression("i32")
        with self.label(kind) as name:
            parts = [
                Tree(None, branch, [*self.statements(self.rng.randrange(2)), self.expression(kind)])
                for branch in ("then", "else")
            ]
        return Tree(kind, f"if {name} (result {wasm_type(kind)})", [condition, *parts])

    def branch(self, kind: str) -> Tree:
        """A jump, where a value of a kind is wanted."""
        name, results = self.rng.choice(self.labels)
        return Tree(kind, f"br {name}", [self.expression(result) for result in results])

    def conditional_branch(self, kind: str) -> Tree:
        """A br_if that carries a value on, if it does not jump; another value if no label takes such."""
        found = [name for name, results in self.labels if results == (kind,)]
        if not found:
            return self.simple(kind)
        return Tree(kind, f"br_if {self.rng.choice(found)}", [self.expression(kind), self.expression("i32")])

    def loop_expression(self, kind: str) -> Tree:
        """A loop that hands a value from round to round on the stack."""
        rounds = self.rounds()
        if rounds is None:
            return self.simple(kind)
        first = self.expression(kind)
        carried = self.hidden(kind, "a")
        counter = self.hidden("i32", "i")
        name = self.fresh("r")
        with self.looping(counter, rounds), self.readable(carried, kind):
            inner = self.statements(self.rng.randrange(3))
            value = self.expression(kind)
        t = wasm_type(kind)
        head = f"loop {name} (param {t}) (result {t})"
        rest = [leaf(None, f"local.set {carried}"), *inner, value, self.count_up(name, counter, rounds)]
        return Tree(
            kind,
            f"block (result {t})",
            [Tree(None, f"local.set {counter}", [self.i32(0)]), first, Tree(None, head, rest)],
        )

    def count_up(self, label: str, counter: str, rounds: int) -> Tree:
        """The end of a loop."""
        following = Tree(None, "i32.add", [leaf(None, f"local.get {counter}"), self.i32(1)])
        test = Tree(None, "i32.lt_u", [Tree(None, f"local.tee {counter}", [following]), self.i32(rounds)])
        return Tree(None, f"br_if {label}", [test])

    def rounds(self) -> int | None:
        """How often a loop may run here."""
        most = min(200, COST_LIMIT // 20 // self.times)
        if most < 2 or self.budget < 4 or self.function.cost > COST_LIMIT:
            return None
        return self.rng.choice((1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, 200)) % most + 1

    @contextmanager
    def looping(self, counter: str, rounds: int) -> Iterator[None]:
        """While the body of a loop is made."""
        self.times *= rounds
        self.counters.append((counter, rounds))
        yield
        self.counters.pop()
        self.times //= rounds

    @contextmanager
    def readable(self, name: str, kind: str) -> Iterator[None]:
        """While a local may be read."""
        self.locals.append((name, kind))
        yield
        self.locals.remove((name, kind))
