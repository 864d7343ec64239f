"""Random function bodies that are valid and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from tests.differential import arrays, kinds
from tests.differential.kinds import EXACT, LOOSE, exact, fits, is_reference, wasm_type
from tests.differential.operations import BY_RESULT, LOADS, STORES, TRAPPING, Access
from tests.differential.scope import FunctionScope, MemoryScope, ModuleScope, TableScope
from tests.differential.tree import STATEMENT, Tree, leaf, sequence

COST_LIMIT = 30_000
"""About how many instructions a call of a function may run, callees included."""
DEPTH_LIMIT = 6
LOCAL_KINDS = (*EXACT, *EXACT, *LOOSE, "f32a", "f64a", "v32a", "v64a", "funcref", "externref")
Maker = Callable[[], Tree]


class FunctionGenerator:
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

    # --- names

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

    # --- the function

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

    # --- expressions

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

    # --- references

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

    # --- control

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

    # --- calls

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

    # --- memory

    def load(self, kind: str) -> Tree:
        """An access that gives a value."""
        access = self.rng.choice(LOADS[kind])
        while access.is_atomic and (self.is_calm or self.chance(0.85)):
            access = self.rng.choice(LOADS[kind])
        return self.access(access, kind)

    def access(self, access: Access, kind: str) -> Tree:
        """An access."""
        rng = self.rng
        memory = rng.choice(self.scope.memories)
        self.function.is_imprecise |= bool(self.counters)
        if ("wait" in access.name or "notify" in access.name) and self.chance(0.9):
            return self.simple(kind) if kind else leaf(STATEMENT, "nop")
        size_bytes = access.bits // 8
        offset = self.offset(memory, size_bytes)
        if access.is_atomic and not self.chance(0.02):
            offset &= -size_bytes
        address = self.address(memory, size_bytes, offset, size_bytes if access.is_atomic else 1)
        head = f"{access.name} {memory.name}"
        if offset:
            head += f" offset={offset}"
        if not access.is_atomic and self.chance(0.3):
            head += f" align={1 << rng.randrange(size_bytes.bit_length())}"
        if access.lanes:
            head += f" {rng.randrange(access.lanes)}"
        return Tree(kind, head, [address, *[self.expression(p) for p in access.params]])

    def offset(self, memory: MemoryScope, size_bytes: int) -> int:
        """The offset of a memory argument, nearly always one that allows for addresses within the memory."""
        rng = self.rng
        if self.chance(0.5):
            return 0
        if self.chance(0.006):
            top = 1 << (64 if memory.address == "i64" else 32)
            return rng.choice((top - 1, top // 2, top // 2 - 1, 1 << 31, (1 << 31) - 1, top - size_bytes, 1 << 30))
        return rng.randrange(rng.choice((4, 16, 64, max(1, memory.size_bytes // 2))))

    def address(self, memory: MemoryScope, size_bytes: int, offset: int, alignment: int) -> Tree:
        """An address for an access of so many bytes behind it, nearly always within the memory."""
        rng = self.rng
        t = memory.address
        last = memory.size_bytes - size_bytes - offset
        if last < 0 or self.chance(0.006):
            if self.chance(0.5):
                return self.expression(t)
            edge = rng.choice((last + 1, last + size_bytes, -1, -size_bytes, -offset, -offset - 1))
            return leaf(t, f"{t}.const {edge % (1 << int(t[1:]))}")
        if self.counters and self.chance(0.75):
            return self.counted_address(t, last, alignment)
        if self.chance(0.3):
            n = rng.choice((last, 0, rng.randrange(last + 1), max(0, last - rng.randrange(32))))
            return leaf(t, f"{t}.const {n // alignment * alignment}")
        mask = ((1 << (last + 1).bit_length() - 1) - 1) & -alignment
        masked = Tree(t, f"{t}.and", [self.expression(t), leaf(t, f"{t}.const {mask}")])
        if self.chance(0.5):
            return masked
        base = rng.randrange(last - mask + 1) // alignment * alignment
        return Tree(t, f"{t}.add", [masked, leaf(t, f"{t}.const {base}")])

    def counted_address(self, t: str, last: int, alignment: int) -> Tree:
        """An address that moves with the innermost loop, or the two innermost ones."""
        rng = self.rng
        counter, rounds = self.counters[-1]
        stride = rng.choice((1, 1, 2, 4, 4, 8, 8, 16, 3, 12, 64)) * alignment
        if (rounds - 1) * stride > last:
            stride = alignment if (rounds - 1) * alignment <= last else 0
        reach = (rounds - 1) * stride
        index = leaf(None, f"local.get {counter}")
        if self.chance(0.15):
            index = Tree(None, "i32.sub", [self.i32(rounds - 1), index])
        scaled = self.scaled(index, stride)
        if len(self.counters) > 1 and self.chance(0.4):
            outer, outer_rounds = self.counters[-2]
            outer_stride = rng.choice((alignment, 64, reach // alignment * alignment + alignment))
            if (outer_rounds - 1) * outer_stride + reach <= last:
                reach += (outer_rounds - 1) * outer_stride
                scaled = Tree(None, "i32.add", [self.scaled(leaf(None, f"local.get {outer}"), outer_stride), scaled])
        base = rng.choice((0, last - reach, rng.randrange(last - reach + 1), rng.randrange(min(64, last - reach) + 1)))
        base = base // alignment * alignment
        if t == "i64":
            scaled = Tree(None, rng.choice(("i64.extend_i32_u", "i64.extend_i32_s")), [scaled])
        if self.chance(0.04) and t == "i32" and not base:  # wraps around
            scaled = Tree(None, "i32.sub", [scaled, self.i32(4096)])
            base = 4096
        if not base:
            scaled.kind = t
            return scaled
        return Tree(t, f"{t}.add", [scaled, leaf(t, f"{t}.const {base}")])

    def scaled(self, index: Tree, stride: int) -> Tree:
        """An i32 times a number."""
        if stride == 1:
            return index
        if stride and stride & stride - 1 == 0 and self.chance(0.6):
            return Tree(None, "i32.shl", [index, self.i32(stride.bit_length() - 1)])
        return Tree(None, "i32.mul", [index, self.i32(stride)])

    def span(self, memory: MemoryScope) -> tuple[Tree, int]:
        """An address and a number of bytes from there on, nearly always within the memory."""
        t = memory.address
        size = self.rng.choice((0, 1, 2, 7, 8, 15, 16, 17, 32, 63, 64, 100, 255, 256, 1000, 5000))
        size = min(size, memory.size_bytes // 2)
        if self.chance(0.02):
            size = self.rng.choice((memory.size_bytes, memory.size_bytes + 1, (1 << 32) - 1))
        last = max(0, memory.size_bytes - size)
        if self.chance(0.01):
            return self.expression(t), size
        return leaf(t, f"{t}.const {self.rng.choice((0, last, self.rng.randrange(last + 1)))}"), size

    # --- statements

    def statements(self, count: int) -> list[Tree]:
        """Code that leaves nothing."""
        return [self.statement() for _ in range(count) if self.budget > 0]

    def statement(self) -> Tree:
        """An instruction, or a few, that leave nothing."""
        self.function.cost += self.times
        self.budget -= 1
        options: list[tuple[float, Maker]] = []
        if self.settable:
            options.append((4, self.set_local))
        if any(g.is_mutable for g in self.scope.globals):
            options.append((1.2, self.set_global))
        if self.scope.memories:
            options.append((5, self.store))
            options.append((0.5, self.dropped_load))
        options.append((0.5, self.if_statement))
        if self.is_calm:
            return self.choose(options)
        options += [
            (1.2, self.if_statement),
            (0.6, self.multi_value),
            (1.6, self.loop),
            (1.4, self.array_loop),
            (1.2, self.call_statement),
            (0.6, self.jump_table),
            (0.02, lambda: leaf(STATEMENT, "unreachable")),
            (0.05, self.leave),
            (0.4, self.null_branch),
        ]
        if self.labels:
            options.append((0.8, self.break_if))
        if self.scope.memories:
            options.append((0.8, self.bulk))
        if self.scope.tables:
            options.append((0.8, self.table_statement))
        return self.choose(options)

    def set_local(self) -> Tree:
        """A local.set."""
        name, kind = self.rng.choice(self.settable)
        return Tree(STATEMENT, f"local.set {name}", [self.expression(kind)])

    def set_global(self) -> Tree:
        """A global.set."""
        entry = self.rng.choice([g for g in self.scope.globals if g.is_mutable])
        return Tree(STATEMENT, f"global.set {entry.name}", [self.expression(entry.kind)])

    def store(self) -> Tree:
        """A store."""
        access = self.rng.choice(STORES)
        while access.is_atomic and (self.is_calm or self.chance(0.7)):
            access = self.rng.choice(STORES)
        return self.access(access, STATEMENT)

    def dropped_load(self) -> Tree:
        """A load whose result nobody uses."""
        return Tree(STATEMENT, "drop", [self.load(self.rng.choice(EXACT))])

    def if_statement(self) -> Tree:
        """An if without results, with or without an else."""
        condition = self.expression("i32")
        with self.label() as name:
            parts = [Tree(None, "then", self.statements(1 + self.rng.randrange(2)))]
            if self.chance(0.4):
                parts.append(Tree(None, "else", self.statements(1 + self.rng.randrange(2))))
        return Tree(STATEMENT, f"if {name}", [condition, *parts])

    def break_if(self) -> Tree:
        """A conditional jump."""
        name, results = self.rng.choice(self.labels)
        values = [self.expression(kind) for kind in results]
        jump = Tree(None, f"br_if {name}", [*values, self.expression("i32")])
        return sequence([jump, *[self.pop(kind) for kind in reversed(results)]], STATEMENT)

    def leave(self) -> Tree:
        """A return."""
        return Tree(STATEMENT, "return", [self.expression(kind) for kind in self.function.results])

    def null_branch(self) -> Tree:
        """A jump if a reference is null, or if it is not."""
        kind = self.rng.choice(("funcref", "externref"))
        if self.chance(0.5):
            with self.label() as name:
                rest = self.statements(self.rng.randrange(2))
                jump = Tree(None, f"br_on_null {name}", [self.expression(kind)])
            return Tree(STATEMENT, f"block {name}", [jump, self.pop(kind), *rest])
        name = self.fresh("b")
        jump = Tree(None, f"br_on_non_null {name}", [self.expression(kind)])
        rest = self.statements(self.rng.randrange(2))
        heap = kind[:-3]
        ends = leaf(None, f"ref.null {heap}")
        block = Tree(None, f"block {name} (result {kind})", [jump, *rest, ends])
        return sequence([block, self.pop(kind)], STATEMENT)

    def multi_value(self) -> Tree:
        """A block or an if with several parameters and results."""
        rng = self.rng
        takes = [rng.choice((*EXACT, *LOOSE)) for _ in range(rng.randrange(4))]
        gives = tuple(rng.choice((*EXACT, *LOOSE)) for _ in range(1 + rng.randrange(4)))
        given = [self.expression(kind) for kind in takes]
        head = "".join(f" (param {wasm_type(kind)})" for kind in takes)
        head += "".join(f" (result {wasm_type(kind)})" for kind in gives)
        pops = [self.pop(kind) for kind in reversed(gives)]
        with self.label(*gives) as name:
            if self.chance(0.5):
                inner = [self.pop(kind) for kind in reversed(takes)]
                inner += self.statements(rng.randrange(3)) + [self.expression(kind) for kind in gives]
                return sequence([*given, Tree(None, f"block {name}{head}", inner), *pops], STATEMENT)
            parts = []
            for part in ("then", "else"):
                inner = [self.pop(kind) for kind in reversed(takes)]
                inner += self.statements(rng.randrange(2)) + [self.expression(kind) for kind in gives]
                parts.append(Tree(None, part, inner))
        condition = self.expression("i32")
        return sequence([*given, Tree(None, f"if {name}{head}", [condition, *parts]), *pops], STATEMENT)

    def jump_table(self) -> Tree:
        """Blocks within blocks, and a br_table to one of their ends."""
        rng = self.rng
        carried = tuple(rng.choice((*EXACT, *LOOSE)) for _ in range(rng.choice((0, 0, 1, 2))))
        names = []
        for _ in range(2 + rng.randrange(4)):
            names.append(self.fresh("b"))
            self.labels.append((names[-1], carried))
        values = [self.expression(kind) for kind in carried]
        targets = [rng.choice(names) for _ in range(1 + rng.randrange(8))]
        index = self.expression("i32")
        if self.chance(0.8):
            index = Tree("i32", "i32.and", [index, self.i32(7)])
        body = [Tree(None, f"br_table {' '.join(targets)}", [*values, index])]
        head = "".join(f" (result {wasm_type(kind)})" for kind in carried)
        while names:
            name = names.pop()
            self.labels.pop()
            block = Tree(None, f"block {name}{head}", body)
            pops = [self.pop(kind) for kind in reversed(carried)]
            body = [block, *pops, *self.statements(rng.randrange(3))]
            if names:
                body += [self.expression(kind) for kind in carried]
        return sequence(body, STATEMENT)

    def loop(self) -> Tree:
        """A loop of any code."""
        rounds = self.rounds()
        if rounds is None:
            return self.set_local() if self.settable else leaf(STATEMENT, "nop")
        counter = self.hidden("i32", "i")
        with self.looping(counter, rounds), self.label() as leaving, self.label() as going_on:
            inner = self.statements(1 + self.rng.randrange(4))
        return self.counted(counter, rounds, inner, leaving, going_on)

    def array_loop(self) -> Tree:
        """A loop that LLVM may vectorise: no calls, and mostly accesses that move with the counter."""
        rounds = self.rounds()
        if rounds is None:
            return self.store() if self.scope.memories else leaf(STATEMENT, "nop")
        made = arrays.array_loop(self, rounds) if self.chance(0.7) else None
        if made is not None:
            return made
        counter = self.hidden("i32", "i")
        sums = [
            self.local(self.rng.choice(("i32", "i64", "f32a", "f64a", "v128")), "s")
            for _ in range(self.rng.randrange(3))
        ]
        before = self.settable, self.is_calm, self.depth
        self.settable = sums
        self.is_calm, self.depth = True, max(self.depth, DEPTH_LIMIT - 4)
        with self.looping(counter, rounds):
            inner = self.statements(1 + self.rng.randrange(3))
            for name, kind in sums:
                if self.chance(0.7):
                    step = self.rng.choice(
                        [
                            o
                            for o in BY_RESULT[kind]
                            if len(o.params) == 2
                            and o.name.endswith((".add", ".xor", ".mul", ".or", ".max", ".min_u", ".max_s", ".min"))
                        ]
                    )
                    operands = [leaf(None, f"local.get {name}"), self.expression(step.params[1])]
                    inner.append(Tree(STATEMENT, f"local.set {name}", [Tree(kind, step.name, operands)]))
        self.settable, self.is_calm, self.depth = before
        self.settable = [*self.settable, *sums]
        leaving = going_on = None
        if self.chance(0.2):
            leaving = self.fresh("b")
            test = Tree(None, "i32.eq", [leaf(None, f"local.get {counter}"), self.i32(self.rng.randrange(rounds))])
            inner.insert(self.rng.randrange(len(inner) + 1), Tree(STATEMENT, f"br_if {leaving}", [test]))
        return self.counted(counter, rounds, inner, leaving, going_on)

    def counted(self, counter: str, rounds: int, inner: list[Tree], leaving: str | None, going_on: str | None) -> Tree:
        """A loop around some code that runs so often, or less often, as only the running program knows."""
        rng = self.rng
        name = self.fresh("r")
        get = leaf(None, f"local.get {counter}")
        bound: Tree = self.i32(rounds)
        before: list[Tree] = []
        if rounds > 3 and self.chance(0.5):
            limit = self.hidden("i32", "n")
            mask = (1 << rounds.bit_length() - 1) - 1
            cut = Tree("i32", "i32.and", [self.expression("i32"), self.i32(mask)])
            before.append(Tree(None, f"local.set {limit}", [cut]))
            bound = leaf(None, f"local.get {limit}")
        if going_on is not None:
            inner = [Tree(STATEMENT, f"block {going_on}", inner)]
        step = Tree(None, f"local.set {counter}", [Tree(None, "i32.add", [get, self.i32(1)])])
        match rng.randrange(4):
            case 0:  # down to 0
                start = Tree(None, f"local.set {counter}", [Tree(None, "i32.sub", [self.i32(rounds), self.i32(1)])])
                less = Tree(None, "i32.sub", [get, self.i32(1)])
                end = Tree(None, "i32.ge_s", [Tree(None, f"local.tee {counter}", [less]), self.i32(0)])
                loop = [Tree(None, f"loop {name}", [*inner, Tree(None, f"br_if {name}", [end])])]
            case 1:  # tested first
                start = Tree(None, f"local.set {counter}", [self.i32(0)])
                out = self.fresh("b")
                test = Tree(
                    None, f"br_if {out}", [Tree(None, rng.choice(("i32.ge_u", "i32.ge_s", "i32.eq")), [get, bound])]
                )
                again = leaf(None, f"br {name}")
                loop = [Tree(None, f"block {out}", [Tree(None, f"loop {name}", [test, *inner, step, again])])]
            case _:
                start = Tree(None, f"local.set {counter}", [self.i32(0)])
                test = Tree(None, f"br_if {name}", [Tree(None, rng.choice(("i32.lt_u", "i32.lt_s")), [get, bound])])
                loop = [Tree(None, f"loop {name}", [*inner, step, test])]
        if leaving is not None:
            return Tree(STATEMENT, f"block {leaving}", [*before, start, *loop])
        return sequence([*before, start, *loop], STATEMENT)

    def call_statement(self) -> Tree:
        """A call; its results are put into locals or dropped."""
        found = list({id(f): f for f in (*self.callees(), *self.referable())}.values())
        if not found:
            return leaf(STATEMENT, "nop")
        callee = self.rng.choice(found)
        call = self.any_call(callee, STATEMENT)
        call.kind = None
        return sequence([call, *[self.pop(kind) for kind in reversed(callee.results)]], STATEMENT)

    def bulk(self) -> Tree:
        """An instruction on many bytes."""
        rng = self.rng
        memory = rng.choice(self.scope.memories)
        start, size = self.span(memory)
        self.function.cost += self.times * 20
        self.function.is_imprecise |= bool(self.counters)
        t = memory.address
        match rng.randrange(6):
            case 0 | 1:
                value = self.expression("i32")
                return Tree(STATEMENT, f"memory.fill {memory.name}", [start, value, leaf(t, f"{t}.const {size}")])
            case 2 | 3 | 4:
                source = memory if self.chance(0.6) else rng.choice(self.scope.memories)
                size = min(size, source.size_bytes // 2) if self.chance(0.98) else size
                s = source.address
                n = "i64" if t == s == "i64" else "i32"
                last = max(0, source.size_bytes - size)
                origin = leaf(s, f"{s}.const {rng.choice((0, last, rng.randrange(last + 1)))}")
                if source is memory and self.chance(0.5) and start.head.startswith(f"{t}.const"):
                    near = int(start.head.split()[1]) + rng.choice((-1, 1, 3, -8, 16))
                    origin = leaf(s, f"{s}.const {min(max(0, near), last)}")
                return Tree(
                    STATEMENT, f"memory.copy {memory.name} {source.name}", [start, origin, leaf(n, f"{n}.const {size}")]
                )
            case _:
                if not self.scope.datas:
                    return leaf(STATEMENT, "nop")
                segment = rng.randrange(len(self.scope.datas))
                if self.chance(0.05):
                    return leaf(STATEMENT, f"data.drop $d{segment}")
                length = self.scope.datas[segment]
                first = rng.randrange(length + 1)
                count = min(size, length - first) if self.chance(0.98) else size
                return Tree(
                    STATEMENT, f"memory.init {memory.name} $d{segment}", [start, self.i32(first), self.i32(count)]
                )

    def table_statement(self) -> Tree:
        """An instruction on a table."""
        rng = self.rng
        table = rng.choice(self.scope.tables)
        t = table.address
        count = rng.randrange(5)
        match rng.randrange(6):
            case 0 | 1:
                return Tree(
                    STATEMENT, f"table.set {table.name}", [self.table_index(table), self.expression(table.kind)]
                )
            case 2:
                size = leaf(t, f"{t}.const {count}")
                return Tree(
                    STATEMENT,
                    f"table.fill {table.name}",
                    [self.table_index(table, count), self.expression(table.kind), size],
                )
            case 3 | 4:
                source = rng.choice([each for each in self.scope.tables if each.kind == table.kind])
                n = "i64" if t == source.address == "i64" else "i32"
                operands = [
                    self.table_index(table, count),
                    self.table_index(source, count),
                    leaf(n, f"{n}.const {count}"),
                ]
                return Tree(STATEMENT, f"table.copy {table.name} {source.name}", operands)
            case _:
                found = [k for k, kind in enumerate(self.scope.elements) if kind == table.kind]
                if not found:
                    return leaf(STATEMENT, "nop")
                segment = rng.choice(found)
                if self.chance(0.05):
                    return leaf(STATEMENT, f"elem.drop $s{segment}")
                first = rng.randrange(7 - count)
                operands = [self.table_index(table, count), self.i32(first), self.i32(count)]
                return Tree(STATEMENT, f"table.init {table.name} $s{segment}", operands)
