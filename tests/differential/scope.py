"""What a generated module has, and the functions in it, as far as its code may use them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.differential.kinds import wasm_type
from tests.differential.tree import Tree

Signature = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class MemoryScope:
    """A memory. `size_bytes` is what it has at least."""

    name: str
    address: str
    size_bytes: int
    text: str


@dataclass(frozen=True, slots=True)
class GlobalScope:
    """A global."""

    name: str
    kind: str
    is_mutable: bool


@dataclass(frozen=True, slots=True)
class TableScope:
    """A table. `entries` are the functions that it begins with, None for null."""

    name: str
    kind: str
    address: str
    size: int
    entries: tuple[str | None, ...] = ()


@dataclass(slots=True)
class FunctionScope:
    """A function. `cost` is about how many instructions a call may run.

    `is_imprecise` says that it has a loop with accesses to memory: when one of those traps, stores around it may or may
    not have happened (see optimizing/accesses.py).
    """

    name: str
    type_index: int
    params: tuple[str, ...]
    results: tuple[str, ...]
    cost: int = 1
    is_imprecise: bool = False
    tree: Tree | None = None


@dataclass(slots=True)
class ModuleScope:
    """What the code of a module may name."""

    types: list[Signature] = field(default_factory=list)
    memories: list[MemoryScope] = field(default_factory=list)
    globals: list[GlobalScope] = field(default_factory=list)
    tables: list[TableScope] = field(default_factory=list)
    functions: list[FunctionScope] = field(default_factory=list)
    referable: list[FunctionScope] = field(default_factory=list)
    """The functions that tables hold and whose references are taken. None of them calls through a reference, so that
    there is no unbounded recursion."""
    datas: list[int] = field(default_factory=list)
    """The sizes of passive data segments `$d0`, `$d1` ..."""
    elements: list[str] = field(default_factory=list)
    """The kinds of passive element segments `$s0`, `$s1` ..., of 6 elements each."""

    def type_index(self, params: tuple[str, ...], results: tuple[str, ...]) -> int | None:
        """The type with these kinds; None if another has the same value types with other kinds.

        Calls through references go by value types, so that two such types must not both exist.
        """
        plain = tuple(map(wasm_type, params)), tuple(map(wasm_type, results))
        for index, (own_params, own_results) in enumerate(self.types):
            if (tuple(map(wasm_type, own_params)), tuple(map(wasm_type, own_results))) == plain:
                return index if (own_params, own_results) == (params, results) else None
        self.types.append((params, results))
        return len(self.types) - 1
