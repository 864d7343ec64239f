"""Modules: read, validated, and ready to be compiled and instantiated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from jormun.api.config import Config
from jormun.api.source import Source, read_module
from jormun.runtime.engine import Progress
from jormun.runtime.linking import describe
from jormun.runtime.module import CompiledModule
from jormun.types import ExternKind, ExternType
from jormun.validation.module import ValidModule, validate


@dataclass(frozen=True, slots=True)
class ImportType:
    """What a module asks for."""

    module: str
    name: str
    kind: ExternKind
    type: ExternType

    def __str__(self) -> str:
        return f'"{self.module}" "{self.name}": {describe(self.type)}'


@dataclass(frozen=True, slots=True)
class ExportType:
    """What a module's instances offer."""

    name: str
    kind: ExternKind
    type: ExternType

    def __str__(self) -> str:
        return f'"{self.name}": {describe(self.type)}'


class Module:
    """A WebAssembly module, decoded and validated.

    It is made from a path (of a .wasm or a .wat file), from bytes, or from WAT text, which is told from a path by its
    parenthesis. Functions are compiled when they are first called; `compile` does it ahead. All instances share the
    code, and a module may be instantiated by several threads.

    Raises MalformedError and InvalidError for what is no valid module, with the place where it is not, and OSError for
    a file that cannot be read.

    >>> import jormun
    >>> module = jormun.Module('(module (import "env" "log" (func (param i32))) (memory (export "memory") 1))')
    >>> for each in (*module.imports, *module.exports):
    ...     print(each)
    "env" "log": a function of type [i32] -> []
    "memory": a memory of i32 1 or more pages
    """

    def __init__(self, source: Source, *, config: Config | None = None) -> None:
        self.config = Config() if config is None else config
        self.valid: ValidModule = validate(read_module(source, self.config.features), self.config.features)
        """The module and what validation found out about it."""

    @cached_property
    def compiled(self) -> CompiledModule:
        """The machine code, as far as it is compiled."""
        return CompiledModule(self.valid, self.config.engine)

    @cached_property
    def imports(self) -> tuple[ImportType, ...]:
        """What instances need, in order."""
        return tuple(
            ImportType(i.module, i.name, i.kind, t)
            for i, t in zip(self.valid.module.imports, self.valid.import_types, strict=True)
        )

    @cached_property
    def exports(self) -> tuple[ExportType, ...]:
        """What instances offer, in order."""
        return tuple(
            ExportType(e.name, e.kind, t)
            for e, t in zip(self.valid.module.exports, self.valid.export_types, strict=True)
        )

    def compile(self, progress: Progress | None = None) -> None:
        """Compile all functions now, on all cores.

        `progress(done, total)` is called as numbers of functions are done.
        """
        self.compiled.compile_all(progress)

    def __repr__(self) -> str:
        return f"<Module of {len(self.imports)} imports and {len(self.exports)} exports>"
