"""Random programs: a library module, a main module that imports from it and from the host, and what to call."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from jormun.dataclass import replace
from tests.differential import kinds
from tests.differential.functions import FunctionGenerator
from tests.differential.kinds import EXACT, LOOSE, is_reference, wasm_type
from tests.differential.scope import FunctionScope, GlobalScope, MemoryScope, ModuleScope, TableScope
from tests.differential.tree import Tree, leaf

GLOBAL_KINDS = ("i32", "i64", "f32", "f64", "v128", "f32~", "v64~", "f64a", "funcref", "externref")
SIGNATURE_KINDS = (*EXACT, *EXACT, *LOOSE, "f32a", "v64a")
RESULT_BYTES = 16
"""Apart of the results that an entry writes."""
GLOBALS_AT = 512
"""Where `dump` writes globals, 16 bytes each."""
TABLES_AT = 2048
"""Where `dump` writes what table entries are, 4 bytes each, `TABLE_BYTES` for a table."""
TABLE_BYTES = 256

HOST_FUNCTIONS = (
    FunctionScope("$mix", 0, ("i32", "i64", "f32~", "f64~"), ("i64",), 500),
    FunctionScope("$split", 0, ("i64",), ("i32", "i64", "f32", "f64"), 500),
    FunctionScope("$obj", 0, ("i32",), ("externref",), 500),
    FunctionScope("$num", 0, ("externref",), ("i32",), 500),
    FunctionScope("$poke", 0, ("i32",), (), 500),
    FunctionScope("$fail", 0, ("i32",), (), 500),
    FunctionScope("$again", 0, ("i32",), ("i32",), 2000),
)
"""What runs.py implements."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An exported function of one i64 that calls another one and writes its results, of these kinds, to `out`."""

    name: str
    results: tuple[str, ...]
    is_imprecise: bool
    arguments: tuple[int, ...]


@dataclass(slots=True)
class Program:
    """What is run by both engines."""

    library: Tree
    main: Tree
    entries: list[Entry]
    dumped: tuple[str, ...]
    """The kinds of globals, in the order in which `dump` writes them."""
    functions: int


def _memory(name: str, address: str, pages: int, most: int, page_bytes: int) -> MemoryScope:
    size = f" (pagesize {page_bytes})" if page_bytes != 65536 else ""
    t = f"{address} " if address == "i64" else ""
    return MemoryScope(name, address, pages * page_bytes, f"{t}{pages} {most}{size}")


def _signature(scope: ModuleScope, rng: Random) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """A function type: most often one that there is already."""
    if scope.types and rng.random() < 0.4:
        index = rng.randrange(len(scope.types))
        return index, *scope.types[index]
    while True:
        mixed = SIGNATURE_KINDS if rng.random() < 0.8 else (*SIGNATURE_KINDS, "funcref", "externref", "externref")
        params = tuple(rng.choice(mixed) for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4, 6, 9, 20))))
        results = tuple(rng.choice(mixed) for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 3, 6))))
        found = scope.type_index(params, results)
        if found is not None:
            return found, params, results


def _function(scope: ModuleScope, rng: Random, name: str, budget: int, calls_references: bool) -> FunctionScope:
    if rng.random() < 0.08:
        while True:
            _, params, results = _signature(scope, rng)
            params = ("i32", *params)
            index = scope.type_index(params, results)
            if index is not None:
                break
        function = FunctionScope(name, index, params, results)
        function.tree = FunctionGenerator(scope, rng, function, min(budget, 40), False).generate_recursive()
        return function
    function = FunctionScope(name, *_signature(scope, rng))
    generator = FunctionGenerator(scope, rng, function, budget, calls_references)
    function.tree = generator.generate_kernel() if rng.random() < 0.3 else generator.generate()
    return function


def _globals(scope: ModuleScope, rng: Random, prefix: str, count: int) -> list[Tree]:
    """New globals, added to the scope."""
    fields = []
    for k in range(count):
        kind = rng.choice(GLOBAL_KINDS)
        entry = GlobalScope(f"${prefix}{k}", kind, rng.random() < 0.8)
        scope.globals.append(entry)
        t = wasm_type(kind)
        init = kinds.zero(kind) if is_reference(kind) else kinds.constant(rng, kind)
        fields.append(leaf(None, f'global {entry.name} (export "{entry.name[1:]}") {_global_type(entry, t)} ({init})'))
    return fields


def _global_type(entry: GlobalScope, t: str) -> str:
    return f"(mut {t})" if entry.is_mutable else t


def _data(rng: Random) -> str:
    return "".join(f"\\{rng.choice((0, 1, 127, 128, 255, rng.randrange(256))):02x}" for _ in range(rng.randrange(90)))


def _entries(rng: Random, functions: list[FunctionScope], kind: str, size: int) -> tuple[str | None, ...]:
    names = [f.name for f in functions if kind == "funcref" or kind == f"ref {f.type_index}"]
    return tuple(rng.choice(names) if names and rng.random() < 0.85 else None for _ in range(size))


def _items(kind: str, names: tuple[str | None, ...]) -> str:
    null = f"({kinds.zero(kind)})"
    return " ".join(null if name is None else f"(ref.func {name})" for name in names)


def _dump(scope: ModuleScope) -> Tree:
    """The function that writes globals and tables to `out`."""
    body = []
    for k, entry in enumerate(scope.globals):
        body.append(_store(entry.kind, GLOBALS_AT + 16 * k, f"(global.get {entry.name})"))
    for k, table in enumerate(scope.tables):
        t = table.address
        index = "(local.get $i)" if t == "i32" else "(i64.extend_i32_u (local.get $i))"
        store = _store(table.kind, TABLES_AT + TABLE_BYTES * k, f"(table.get {table.name} {index})")
        store.head = store.head.replace("(i32.const 0)", "(i32.shl (local.get $i) (i32.const 2))", 1)
        body.append(leaf(None, "local.set $i (i32.const 0)"))
        step = leaf(None, "br_if $r (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 64))")
        is_there = f"{t}.lt_u {index} (table.size {table.name})"
        body.append(Tree(None, "loop $r", [leaf(None, f"if ({is_there}) (then ({store.head}))"), step]))
    return Tree(None, 'func (export "dump") (local $i i32)', body)


def _store(kind: str, at: int, value: str) -> Tree:
    """Write a value to `out`."""
    t = wasm_type(kind)
    if kind == "externref":
        t, value = "i32", f"(call $num {value})"
    elif is_reference(kind):
        t, value = "i32", f"(ref.is_null {value})"
    return leaf(None, f"{t}.store $out offset={at} (i32.const 0) {value}")


def _entry(scope: ModuleScope, rng: Random, callee: FunctionScope, name: str) -> tuple[Tree, Entry]:
    """The entry for a function."""
    arguments = []
    for kind in callee.params:
        t = wasm_type(kind)
        if kind == "externref":
            arguments.append(f"(call $obj (i32.const {rng.randrange(8)}))")
        elif is_reference(kind):
            names = [f.name for f in scope.referable if kind == "funcref" or kind == f"ref {f.type_index}"]
            arguments.append(f"(ref.func {rng.choice(names)})" if names else f"({kinds.zero(kind)})")
        elif t[0] == "i" and rng.random() < 0.6:
            arguments.append("(local.get $x)" if t == "i64" else "(i32.wrap_i64 (local.get $x))")
        elif kind in ("f64", "f64~") and rng.random() < 0.3:
            arguments.append("(f64.reinterpret_i64 (local.get $x))")
        elif kind in ("f32", "f32~") and rng.random() < 0.3:
            arguments.append("(f32.reinterpret_i32 (i32.wrap_i64 (local.get $x)))")
        elif kind == "v128" and rng.random() < 0.4:
            arguments.append("(i64x2.splat (local.get $x))")
        else:
            arguments.append(f"({kinds.constant(rng, kind)})")
    body = [leaf(None, f"local $r{k} {wasm_type(kind)}") for k, kind in enumerate(callee.results)]
    body.append(leaf(None, f"call {callee.name} {' '.join(arguments)}"))
    body += [leaf(None, f"local.set $r{k}") for k in reversed(range(len(callee.results)))]
    body += [_store(kind, RESULT_BYTES * k, f"(local.get $r{k})") for k, kind in enumerate(callee.results)]
    values = tuple(kinds.integer(rng, 64) for _ in range(2))
    entry = Entry(name, callee.results, callee.is_imprecise, values)
    return Tree(None, f'func (export "{name}") (param $x i64)', body), entry


def _types(scope: ModuleScope) -> list[Tree]:
    fields = []
    for k, (params, results) in enumerate(scope.types):
        text = "".join(f" (param {wasm_type(kind)})" for kind in params)
        text += "".join(f" (result {wasm_type(kind)})" for kind in results)
        fields.append(leaf(None, f"type $t{k} (func{text})"))
    return fields


def _library(rng: Random, size: int) -> tuple[Tree, ModuleScope]:
    """The module that main imports from. Its functions have no parameters or results that are references to types."""
    scope = ModuleScope()
    memory = _memory("$shared", "i32", 1, 3, 65536)
    scope.memories.append(memory)
    fields = [leaf(None, f'memory $shared (export "shared") {memory.text}')]
    fields += _globals(scope, rng, "lg", 5)
    twice = FunctionScope("$twice", scope.type_index(("i32",), ("i32",)) or 0, ("i32",), ("i32",))
    twice.tree = FunctionGenerator(scope, rng, twice, size // 2, False).generate()
    scope.functions.append(twice)
    for k in range(3):
        scope.functions.append(_function(scope, rng, f"$e{k}", size, False))
    entries = _entries(rng, scope.functions, "funcref", 8)
    scope.referable += scope.functions
    scope.tables.append(TableScope("$lt", "funcref", "i32", 8, entries))
    fields.append(leaf(None, 'table $lt (export "lt") 8 20 funcref'))
    fields.append(leaf(None, f"elem (table $lt) (i32.const 0) funcref {_items('funcref', entries)}"))
    for function in scope.functions:
        assert function.tree is not None
        fields.append(leaf(None, f'export "{function.name[1:]}" (func {function.name})'))
        fields.append(function.tree)
    fields.append(leaf(None, f'data (memory $shared) (i32.const {rng.randrange(60000)}) "{_data(rng)}"'))
    return Tree(None, "module", [*_types(scope), *fields]), scope


def generate(rng: Random, functions: int = 12, size: int = 60) -> Program:
    """A program with about so many functions of about so many instructions."""
    library, given = _library(rng, size)
    scope = ModuleScope()
    imports = []
    for host in HOST_FUNCTIONS:
        index = scope.type_index(host.params, host.results)
        assert index is not None
        scope.functions.append(replace(host, type_index=index))
        imports.append(leaf(None, f'import "host" "{host.name[1:]}" (func {host.name} (type $t{index}))'))
    for function in given.functions:
        index = scope.type_index(function.params, function.results)
        if index is not None:
            scope.functions.append(replace(function, type_index=index, tree=None))
            imports.append(
                leaf(None, f'import "library" "{function.name[1:]}" (func {function.name} (type $t{index}))')
            )
    for entry in given.globals:
        scope.globals.append(entry)
        t = _global_type(entry, wasm_type(entry.kind))
        imports.append(leaf(None, f'import "library" "{entry.name[1:]}" (global {entry.name} {t})'))
    imports.append(leaf(None, 'import "library" "lt" (table $lt 8 20 funcref)'))
    imports.append(leaf(None, f'import "library" "shared" (memory $shared {given.memories[0].text})'))

    memories = [
        _memory("$m", "i32", rng.choice((1, 1, 2)), 3, 65536),
        _memory("$w", "i64", 1, 3, 65536),
        _memory("$c", rng.choice(("i32", "i64")), rng.choice((0, 1, 100, 1000, 66000)), 70000, 1),
        given.memories[0],
    ]
    main_memory = memories[0]
    rng.shuffle(memories)
    scope.memories += memories[: 1 + rng.randrange(4)]
    if main_memory not in scope.memories:
        scope.memories.append(main_memory)
    scope.memories += [main_memory] * 2
    declared = {m.name: m for m in scope.memories if m.name != "$shared"}
    fields = [leaf(None, f'memory {m.name} (export "{m.name[1:]}") {m.text}') for m in declared.values()]
    fields.insert(rng.randrange(len(fields) + 1), leaf(None, 'memory $out (export "out") 1'))
    fields += _globals(scope, rng, "g", 3 + rng.randrange(6))
    for k in range(2):
        scope.datas.append(20 + 30 * k)
        text = "".join(f"\\{rng.randrange(256):02x}" for _ in range(scope.datas[k]))
        fields.append(leaf(None, f'data $d{k} "{text}"'))
    for m in declared.values():
        if m.size_bytes > 200:
            for _ in range(3):
                at = rng.choice((rng.randrange(m.size_bytes - 90), m.size_bytes - 90, 0))
                fields.append(leaf(None, f'data (memory {m.name}) ({m.address}.const {at}) "{_data(rng)}"'))

    count = max(2, functions * 2 // 3)
    own = []
    for k in range(count):
        function = _function(scope, rng, f"$f{k}", rng.randrange(10, 2 * size), False)
        scope.functions.append(function)
        own.append(function)
    scope.referable += [f for f in scope.functions if f.cost < 1500 and (f.tree is not None or rng.random() < 0.4)]
    typed = f"ref {rng.choice([f.type_index for f in scope.referable] or [0])}"
    for name, kind, address in (
        ("$ft", "funcref", "i32"),
        ("$tt", typed, "i32"),
        ("$et", "externref", "i32"),
        ("$wt", "funcref", "i64"),
    ):
        table_size = rng.choice((4, 8, 15, 16))
        table = TableScope(name, kind, address, table_size, _entries(rng, scope.referable, kind, table_size))
        scope.tables.append(table)
        t = "i64 " if address == "i64" else ""
        fields.append(leaf(None, f'table {name} (export "{name[1:]}") {t}{table_size} 24 {wasm_type(kind)}'))
        if kind != "externref":
            fields.append(
                leaf(None, f"elem (table {name}) ({address}.const 0) {wasm_type(kind)} {_items(kind, table.entries)}")
            )
    scope.tables.append(TableScope("$lt", "funcref", "i32", 8))
    for kind in ("funcref", typed, "funcref"):
        items = _items(kind, _entries(rng, scope.referable, kind, 6))
        fields.append(leaf(None, f"elem $s{len(scope.elements)} {wasm_type(kind)} {items}"))
        scope.elements.append(kind)
    if scope.referable:
        fields.append(leaf(None, "elem declare func " + " ".join(f.name for f in scope.referable)))
    for k in range(count, functions):
        function = _function(scope, rng, f"$f{k}", rng.randrange(10, 2 * size), True)
        scope.functions.append(function)
        own.append(function)
    calls = []
    for k, function in enumerate([*own, *[f for f in scope.functions if f.tree is None and f.name[1] == "e"]]):
        assert function.tree is not None or function.name[1] == "e"
        if function.tree is not None:
            fields.append(function.tree)
        tree, call = _entry(scope, rng, function, f"run{k}")
        fields.append(tree)
        calls.append(call)
    fields.append(_dump(scope))
    main = Tree(None, "module", [*_types(scope), *imports, *fields])
    dumped = tuple(entry.kind for entry in scope.globals)
    return Program(library, main, calls, dumped, len(own) + 4)
