"""Modules: read, validated, and ready to be compiled and instantiated."""

from __future__ import annotations

from functools import cached_property
from threading import Lock

from jormun.api.config import Config
from jormun.api.source import Source, decode_module, read_data
from jormun.dataclass import dataclass
from jormun.hints import TYPE_CHECKING
from jormun.runtime.blueprint import Blueprint, blueprint_of
from jormun.runtime.engine import Progress
from jormun.runtime.linking import describe
from jormun.runtime.module import CompiledModule
from jormun.types import ExternKind, ExternType, kind_of

if TYPE_CHECKING:
    from jormun.cache.kept import KeptModule
    from jormun.syntax import module as syntax
    from jormun.validation.module import ValidModule


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
        self._origin = _Origin(read_data(source), self.config)
        self._kept = self._origin.find()
        known = None if self._kept is None else self._kept.blueprint
        self.blueprint: Blueprint = self._origin.validated() if known is None else known
        """What instances are made from."""

    @property
    def valid(self) -> ValidModule:
        """The module and what validation found out about it."""
        return self._origin.valid

    @cached_property
    def compiled(self) -> CompiledModule:
        """The machine code, as far as it is compiled."""
        origin = self._origin
        return CompiledModule(lambda: origin.valid, self.config.engine, self.blueprint, self._kept)

    @cached_property
    def imports(self) -> tuple[ImportType, ...]:
        """What instances need, in order."""
        return tuple(ImportType(i.module, i.name, kind_of(i.type), i.type) for i in self.blueprint.imports)

    @cached_property
    def exports(self) -> tuple[ExportType, ...]:
        """What instances offer, in order."""
        blueprint = self.blueprint
        return tuple(ExportType(e.name, e.kind, blueprint.export_type(e)) for e in blueprint.exports)

    def compile(self, progress: Progress | None = None) -> None:
        """Compile all functions now, on all cores.

        `progress(done, total)` is called as numbers of functions are done.
        """
        self.compiled.compile_all(progress)

    def __repr__(self) -> str:
        return f"<Module of {len(self.imports)} imports and {len(self.exports)} exports>"


class _Origin:
    """What a module is made from, and what that means as far as somebody has to know."""

    def __init__(self, data: bytes, config: Config) -> None:
        self._data = data
        self._config = config
        self._valid: ValidModule | None = None
        self._blueprint: Blueprint | None = None
        self._lock = Lock()

    @property
    def valid(self) -> ValidModule:
        """The module, decoded; it has been validated in this process, or in another one that left its blueprint."""
        with self._lock:
            if self._valid is None:
                from jormun.validation.module import trust

                self._valid = trust(self._decode(), self._config.features)
            return self._valid

    def validated(self) -> Blueprint:
        """The blueprint of the module, which is decoded and validated."""
        from jormun.validation.module import validate

        self._valid = validate(self._decode(), self._config.features)
        self._blueprint = blueprint_of(self._valid)
        return self._blueprint

    def find(self) -> KeptModule | None:
        """What former processes left of the module, if it may be kept."""
        cache = self._config.code_cache
        if cache is None or cache.size_bytes == 0:
            return None
        from jormun.cache.kept import KeptModule
        from jormun.cache.key import module_key

        key = module_key(self._data, self._config.tier, repr(self._config.features), repr(self._config.tiering))
        return KeptModule(cache, key, self._data, self._describe)

    def _describe(self) -> object:
        """The blueprint, as the cache keeps it."""
        from jormun.cache.plain import to_plain

        valid = self.valid
        blueprint = blueprint_of(valid) if self._blueprint is None else self._blueprint
        return to_plain(blueprint, valid.module.types, self._data)

    def _decode(self) -> syntax.Module:
        return decode_module(self._data, self._config.features)
