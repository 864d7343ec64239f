"""A random function in the making: what it has declared, and how much it may still do."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.differential.kinds import EXACT, LOOSE, wasm_type
from tests.differential.scope import FunctionScope, ModuleScope
from tests.differential.tree import Tree, leaf

COST_LIMIT = 30_000
"""About how many instructions a call of a function may run, callees included."""
DEPTH_LIMIT = 6
LOCAL_KINDS = (*EXACT, *EXACT, *LOOSE, "f32a", "f64a", "v32a", "v64a", "funcref", "externref")
Maker = Callable[[], Tree]


class Making:
    """One function in the making."""

    def __init__(self, scope: ModuleScope, rng: Random, function: FunctionScope, budget: int, calls_references: bool):
        self.scope = scope
        self.rng = rng
        self.function = function
        self.budget = budget
        self.calls_references = calls_references
        self.depth = 0
        self.times = 1
        """How often the code that is made now runs in one call."""
        self.locals: list[tuple[str, str]] = [(f"$p{k}", kind) for k, kind in enumerate(function.params)]
        self.declared: list[Tree] = []
        self.counters: list[tuple[str, int]] = []
        """Locals that count loops, with what they stay below."""
        self.settable = list(self.locals)
        self.labels: list[tuple[str, tuple[str, ...]]] = []
        self.names = 0
        self.is_calm = False
        """Whether code is made that should be vectorised: no calls, blocks or whole-memory instructions."""
        for _ in range(rng.randrange(5)):
            self.settable.append(self.local(rng.choice(LOCAL_KINDS)))

    def fresh(self, prefix: str) -> str:
        """A name of its own."""
        self.names += 1
        return f"${prefix}{self.names}"

    def local(self, kind: str, prefix: str = "l") -> tuple[str, str]:
        """A new local that code may read."""
        entry = self.hidden(kind, prefix), kind
        self.locals.append(entry)
        return entry

    def hidden(self, kind: str, prefix: str) -> str:
        """A new local that only who asked for it uses."""
        name = self.fresh(prefix)
        self.declared.append(leaf(None, f"local {name} {wasm_type(kind)}"))
        return name

    def chance(self, probability: float) -> bool:
        """True so often."""
        return self.rng.random() < probability

    def choose(self, options: list[tuple[float, Maker]]) -> Tree:
        """What one of the makers makes, each as often as its weight says."""
        [(_, make)] = self.rng.choices(options, [weight for weight, _ in options])
        return make()

    def i32(self, value: int) -> Tree:
        """A constant."""
        return leaf("i32", f"i32.const {value}")

    # The chapters below lean on each other: a block has statements in it, and an address is an expression.

    def expression(self, kind: str) -> Tree:
        """Code that leaves one value."""
        raise NotImplementedError

    def simple(self, kind: str) -> Tree:
        """The same, of one instruction."""
        raise NotImplementedError

    def select(self, kind: str) -> Tree:
        """One of two values."""
        raise NotImplementedError

    def pop(self, kind: str) -> Tree:
        """What takes a value from the stack."""
        raise NotImplementedError

    def statements(self, count: int) -> list[Tree]:
        """So many statements."""
        raise NotImplementedError
