"""Random function bodies that are valid and end.

Their chapters: making.py, control.py, accesses.py, calls.py, expressions.py, statements.py.
"""

from __future__ import annotations

from tests.differential import arrays
from tests.differential.kinds import fits, wasm_type
from tests.differential.statements import Statements
from tests.differential.tree import STATEMENT, Tree, leaf


class FunctionGenerator(Statements):
    """Makes one function."""

    def generate(self) -> Tree:
        """The whole function."""
        rng, function = self.rng, self.function
        body = self.statements(1 + rng.randrange(6))
        tail = self.tail_call() if self.chance(0.12) else None
        body += [tail] if tail is not None else [self.expression(kind) for kind in function.results]
        return self.wrap(body)

    def generate_kernel(self) -> Tree:
        """A function with nothing but a few loops over arrays."""
        body = []
        for _ in range(1 + self.rng.randrange(3)):
            rounds = self.rng.choice((8, 15, 16, 17, 31, 32, 33, 50, 64, 65, 100, 127, 200, 256, 300))
            loop = arrays.array_loop(self, rounds)
            body += [] if loop is None else [loop]
        self.budget = 5
        return self.wrap([*body, *[self.expression(kind) for kind in self.function.results]])

    def wrap(self, body: list[Tree]) -> Tree:
        """The function with this body."""
        function = self.function
        head = [leaf(None, f"type $t{function.type_index}")]
        head += [leaf(None, f"param $p{k} {wasm_type(kind)}") for k, kind in enumerate(function.params)]
        head += [leaf(None, f"result {wasm_type(kind)}") for kind in function.results]
        return Tree(None, f"func {function.name}", [*head, *self.declared, *body])

    def generate_recursive(self) -> Tree:
        """A function that calls itself, as often as its first parameter, an i32, says, cut to 6 bits or 12."""
        function = self.function
        is_tail = self.chance(0.5)
        limit = 4095 if is_tail and self.budget < 20 else 63
        counter = self.hidden("i32", "n")
        self.times = limit + 1
        arguments = [Tree("i32", "i32.sub", [leaf("i32", f"local.get {counter}"), self.i32(1)])]
        arguments += [self.expression(kind) for kind in function.params[1:]]
        again: list[Tree] = [Tree(None, f"{'return_call' if is_tail else 'call'} {function.name}", arguments)]
        if not is_tail:
            again.append(leaf(None, "return"))
        start = Tree("i32", "i32.and", [leaf("i32", "local.get $p0"), self.i32(limit)])
        return self.wrap(
            [
                Tree(None, f"local.set {counter}", [start]),
                *self.statements(1),
                Tree(STATEMENT, "if", [leaf("i32", f"local.get {counter}"), Tree(None, "then", again)]),
                *[self.expression(kind) for kind in function.results],
            ]
        )

    def tail_call(self) -> Tree | None:
        """A tail call of a function with the same results."""
        results = self.function.results

        def is_like(candidate: tuple[str, ...]) -> bool:
            return (
                len(candidate) == len(results)
                and all(map(fits, candidate, results))
                and list(map(wasm_type, candidate)) == list(map(wasm_type, results))
            )

        found = [f for f in self.callees() if is_like(f.results)]
        referable = [f for f in self.referable() if is_like(f.results)]
        if referable and self.chance(0.4):
            return self.reference_call(self.rng.choice(referable), STATEMENT, "return_")
        if not found:
            return None
        callee = self.rng.choice(found)
        self.charge(callee)
        return Tree(STATEMENT, f"return_call {callee.name}", self.arguments(callee))
