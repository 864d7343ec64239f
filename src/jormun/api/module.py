"""Modules: read, validated, and ready to be compiled and instantiated."""

from __future__ import annotations

from os import PathLike, fspath

from jormun.api.config import Config
from jormun.api.contents import Contents
from jormun.api.origin import Origin
from jormun.api.source import Source, is_artifact, read_contents, read_file
from jormun.dataclass import dataclass, replace
from jormun.functions import cached_property
from jormun.hints import TYPE_CHECKING
from jormun.runtime.blueprint import Blueprint
from jormun.runtime.engine import Progress
from jormun.runtime.linking import describe
from jormun.runtime.module import CodeKeeper, CompiledModule
from jormun.types import ExternKind, ExternType, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from jormun.api.instance import Instance
    from jormun.api.tier import Tier
    from jormun.api.wasi import Wasi
    from jormun.cache.kept import KeptModule
    from jormun.runtime.limits import Limits
    from jormun.runtime.linking import Imports
    from jormun.runtime.store import Store
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
    a file that cannot be read. Machine code is never taken for a module: `open` alone loads what `save` wrote.

    A module can be pickled, with the machine code that it has by then, for other processes: load such pickles only from
    whom you would take programs, as any others. A copy is the module itself.

    >>> import jormun
    >>> module = jormun.Module('(module (import "env" "log" (func (param i32))) (memory (export "memory") 1))')
    >>> for each in (*module.imports, *module.exports):
    ...     print(each)
    "env" "log": a function of type [i32] -> []
    "memory": a memory of i32 1 or more pages
    """

    _metered_keeper: CodeKeeper | None = None

    def __init__(self, source: Source, *, config: Config | None = None) -> None:
        self._begin(read_contents(source), Config() if config is None else config)

    def _begin(self, contents: Contents, config: Config) -> None:
        self.config = config
        self._origin = Origin(contents, config)
        kept = self._origin.find()
        self._keeper: CodeKeeper | None = kept
        known = None if kept is None else kept.blueprint
        self.blueprint: Blueprint = self._origin.validated() if known is None else known
        """What instances are made from."""

    @classmethod
    def of(cls, contents: Contents, config: Config) -> Module:
        """The module in what was read. Raises MalformedError and InvalidError."""
        module = cls.__new__(cls)
        module._begin(contents, config)
        return module

    @classmethod
    def open(cls, path: str | PathLike[str], *, config: Config | None = None) -> Module:
        """A module from a file that `save` or `jormun compile` wrote, with its machine code: nothing is decoded,
        validated or compiled.

        Open only files that you, or somebody whose native programs you would run, have made: what is in them is run
        outside of the sandbox, and no check finds out what it does. The file has to be marked as a native program is:
        executable, yours or root's, not writable for others, and not called .wasm or .wat. Raises ArtifactError for
        one that is not, that is damaged, or that another version or another machine needs, and OSError. `config` is
        for functions that were not compiled; its features and cache are not used. What was saved for stores with a
        limit on fuel is for those alone, and if `config` says nothing else, with the costs that it was saved with.
        """
        from jormun.api.ahead import Loaded
        from jormun.cache.artifact import read_artifact

        artifact = read_artifact(path)
        module = cls.__new__(cls)
        module.config = replace(Config() if config is None else config, features=artifact.features, cache=False)
        if artifact.costs is not None and module.config.costs is None:
            module.config = replace(module.config, costs=artifact.costs)
        module._origin = Origin(Contents(artifact.data), module.config)
        loaded = Loaded(artifact)
        module._keeper = loaded if artifact.costs is None else None
        module._metered_keeper = (
            loaded if artifact.costs is not None and artifact.costs == module.config.table else None
        )
        module.blueprint = loaded.blueprint
        return module

    @classmethod
    def known(
        cls,
        data: bytes,
        config: Config,
        blueprint: Blueprint,
        keeper: Callable[[Callable[[], KeptModule | None]], CodeKeeper],
    ) -> Module:
        """A module that is known to be valid, with code of its own. `keeper` makes what has it, of what finds what the
        cache has.
        """
        module = cls.__new__(cls)
        module.config = config
        module._origin = Origin(Contents(data), config)
        module._keeper = keeper(module._origin.find)
        module.blueprint = blueprint
        return module

    def __reduce__(self) -> tuple[Callable[[bytes, Config, bytes | None], Module], tuple[bytes, Config, bytes | None]]:
        """Pickle it with its machine code (api/pickled.py)."""
        from jormun.api.pickled import packed, unpacked

        return unpacked, (self.data, self.config, packed(self))

    def __copy__(self) -> Module:
        return self

    def __deepcopy__(self, memo: object) -> Module:
        """Itself: a module does not change."""
        return self

    @property
    def data(self) -> bytes:
        """The bytes that it was made from, binary or text."""
        return self._origin.data

    def described(self) -> tuple[object, bytes | memoryview]:
        """The blueprint as plain values, and bytes that they refer to (cache/plain.py)."""
        return self._origin.describe()

    @property
    def valid(self) -> ValidModule:
        """The module and what validation found out about it."""
        return self._origin.valid

    @cached_property
    def compiled(self) -> CompiledModule:
        """The machine code, as far as it is compiled."""
        origin = self._origin
        return CompiledModule(lambda: origin.valid, self.config.engine, self.blueprint, self._keeper)

    @cached_property
    def metered(self) -> CompiledModule:
        """Machine code that pays fuel for what it runs, by `config.costs`: for stores with a limit on fuel."""
        origin, config = self._origin, self.config
        keeper = self._metered_keeper or origin.find(config.table)
        return CompiledModule(lambda: origin.valid, config.metered_engine, self.blueprint, keeper)

    def compiled_for(self, store: Store) -> CompiledModule:
        """The one of the two that a store's limits ask for."""
        return self.metered if store.is_metered else self.compiled

    @cached_property
    def imports(self) -> tuple[ImportType, ...]:
        """What instances need, in order."""
        return tuple(ImportType(i.module, i.name, kind_of(i.type), i.type) for i in self.blueprint.imports)

    @cached_property
    def exports(self) -> tuple[ExportType, ...]:
        """What instances offer, in order."""
        blueprint = self.blueprint
        return tuple(ExportType(e.name, e.kind, blueprint.export_type(e)) for e in blueprint.exports)

    def instantiate(
        self,
        imports: Imports | None = None,
        *,
        wasi: Wasi | None = None,
        store: Store | None = None,
        limits: Limits | None = None,
    ) -> Instance:
        """A fresh instance: the same as `Instance(module, imports, wasi=wasi, store=store, limits=limits)`.

        From the second one of a module on, instances begin with a copy-on-write image of their memories and with the
        parts of instances that were dropped: microseconds each, so that a service can give each request its own.
        """
        from jormun.api.instance import Instance

        return Instance(self, imports, wasi=wasi, store=store, limits=limits)

    def compile(self, progress: Progress | None = None) -> None:
        """Compile all functions now, on all cores.

        `progress(done, total)` is called as numbers of functions are done.
        """
        self.compiled.compile_all(progress)

    def save(
        self,
        path: str | PathLike[str],
        *,
        tier: Tier = "optimizing",
        target: str | None = None,
        cpu: str | None = None,
        is_metered: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Compile all functions, and write a file that `open` loads. It appears whole or not at all, and executable.

        `tier` is "optimizing", on all cores, or "baseline", which takes a tenth of the time or less; functions of its
        code that turn out to be hot are optimized while they run, where `open`'s `config` has tier "auto". `target` is
        the triple of another machine ("aarch64-unknown-linux-gnu") and `cpu` a CPU of its architecture by LLVM's name
        ("x86-64-v3", "znver4"), for the optimizing tier. By default they are this machine and its CPU; with a target,
        the least CPU that Jormun supports. With `is_metered` the code is for stores with a limit on fuel, and pays by
        the costs of the module's `config`; all others compile anew what they call.

        The file is for this version of Jormun, and has the module in it. What cannot be compiled yet fails when it is
        called. Raises UnsupportedError for a target or CPU that there is no code for, ValueError for a tier that there
        is not, or a name that no such file is opened by, and OSError.
        """
        from jormun.api.ahead import Compiler
        from jormun.cache.artifact import NEVER, write_artifact

        if fspath(path).lower().endswith(NEVER):
            raise ValueError(f"{path}: machine code is not opened by the name of a module, {' or '.join(NEVER)}")
        write_artifact(path, Compiler(tier, target, cpu, is_metered=is_metered).compile(self, progress).encode())

    def __repr__(self) -> str:
        return f"<Module of {len(self.imports)} imports and {len(self.exports)} exports>"


def open_program(path: str | PathLike[str], config: Config | None = None) -> Module:
    """The module in a file of either kind: WebAssembly, or machine code if it is marked as `Module.open` demands."""
    if is_artifact(path):
        return Module.open(path, config=config)
    return Module.of(read_file(path), Config() if config is None else config)
