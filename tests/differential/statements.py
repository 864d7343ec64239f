"""Random statements."""

from __future__ import annotations

from tests.differential import arrays
from tests.differential.expressions import Expressions
from tests.differential.kinds import EXACT, LOOSE, wasm_type
from tests.differential.making import DEPTH_LIMIT, Maker
from tests.differential.operations import BY_RESULT, STORES
from tests.differential.tree import STATEMENT, Tree, leaf, sequence


class Statements(Expressions):
    """Code that leaves nothing but what it did."""

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
