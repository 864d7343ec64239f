"""Modules ready to be instantiated: their layout, machine code and names, shared by all instances and stores."""

from __future__ import annotations

from array import array

from jormun.containers import WeakSet
from jormun.errors import Frame, WasmError
from jormun.functions import cached_property
from jormun.hints import TYPE_CHECKING, Callable, Iterable, Protocol, Sequence
from jormun.locks import RLock
from jormun.runtime.blueprint import Blueprint, blueprint_of
from jormun.runtime.engine import Engine, LoopHead, Progress
from jormun.runtime.function_facts import FunctionFacts
from jormun.runtime.image import BASELINE, FUNCTION, LOOP_ENTRY, CodeImage
from jormun.runtime.layout import Layout
from jormun.runtime.native import pages
from jormun.runtime.native.code import OwnedCode
from jormun.runtime.native.machine import Native
from jormun.runtime.references import may_be_object
from jormun.runtime.subtypes import keep_declared
from jormun.runtime.tiering.tier_up import BetterCode, TierUp
from jormun.types import DefType, ExternKind, FuncType, TagType

if TYPE_CHECKING:
    from jormun.runtime.parts import Parts
    from jormun.runtime.parts_pool import PartsPool
    from jormun.runtime.tiering.call_graph import CallGraph
    from jormun.runtime.tiering.learned import Learned
    from jormun.syntax.names import Names
    from jormun.validation.module import ValidModule


class CodeKeeper(Protocol):
    """Where code of one module is kept beyond this process."""

    def images(self) -> Iterable[CodeImage]:
        """The code that there is."""

    def learned(self) -> Learned:
        """What tiering learned in other processes."""

    def watch(self, learned: Callable[[], Learned]) -> None:
        """Ask this, from any thread, for what tiering has learned in this process, to keep it too."""

    def keep(self, image: CodeImage) -> None:
        """Take what was compiled."""


class CompiledModule:
    """A valid module with an engine that compiles its functions, each at its first call or all at once.

    Its code serves all instances, in all stores and threads, and is freed when neither the module nor an instance is in
    use any more.
    """

    def __init__(
        self,
        valid: ValidModule | Callable[[], ValidModule],
        engine: Engine,
        blueprint: Blueprint | None = None,
        keeper: CodeKeeper | None = None,
    ) -> None:
        """A module that is valid, or with its blueprint what gives it when it is needed: to compile. `keeper` gives the
        code that there is, and is given what is compiled.
        """
        if blueprint is None:
            assert not callable(valid)
            blueprint = blueprint_of(valid)
        self.blueprint = blueprint
        self.engine = engine
        self.layout = Layout(blueprint)
        self.first_own = blueprint.imported_function_count
        """The index of the first function that is not imported."""
        self.is_metered = engine.costs is not None
        self._valid = valid
        self._keeper = keeper
        self._code_table = Native.get().stubs.table(blueprint.own_function_count)
        self._code = self._code_table.view().cast("Q")
        self._counters = pages.Block(max(4 * blueprint.own_function_count, 8))
        self._is_compiled = bytearray(blueprint.own_function_count)
        """1 for each function that has code, 2 for one that has better code."""
        self._loaded = OwnedCode()
        self._facts: dict[int, FunctionFacts] = {}
        self.links: dict[object, object] = {}
        """What somebody who links instances of it found out, to link more of them."""
        self._parts: WeakSet[Parts] = WeakSet()
        self.is_instantiated = False
        """Whether somebody has begun to make an instance."""
        self._lock = RLock()
        self._types = keep_declared(blueprint.types)
        self.has_objects = any(not isinstance(each.composite, FuncType) for each in blueprint.types)
        """Whether the module has types of structures or arrays."""
        self._shapes: tuple[object, ...] = ()
        if self.has_objects:
            from jormun.runtime.shapes import keep_shapes  # few have any

            self._shapes = keep_shapes(blueprint.types)
        is_plain = not self.is_metered and not self.has_objects and self.roots is None
        self.is_ready = is_plain and not blueprint.tag_types and blueprint.start is None
        """Whether an instance is, once it is made: it pays no fuel, has no objects and throws nothing, and there is no
        start function.
        """
        optimizer = engine.optimizer
        self.tier_up = None if optimizer is None else TierUp(self, optimizer.tiering)
        """Decides which functions get better code, if the engine's code asks for that."""
        if keeper is not None:
            for image in keeper.images():
                code = self._load(image)
                if self.tier_up is not None:
                    self.tier_up.adopt(code)
            if self.tier_up is not None:
                self.tier_up.expect(keeper.learned())
                keeper.watch(self.tier_up.learned)

    @property
    def valid(self) -> ValidModule:
        """The module and what validation found out about it."""
        with self._lock:
            if callable(self._valid):
                self._valid = self._valid()
            return self._valid

    @property
    def code_table(self) -> int:
        """The address of the table of code pointers."""
        return self._code_table.address

    @property
    def counters(self) -> int:
        """The address of the table of counters (layout.VM_COUNTERS)."""
        return self._counters.address

    def func_type(self, func_index: int) -> FuncType:
        """The type of a function."""
        composite = self.blueprint.types[self.blueprint.function_types[func_index]].composite
        assert isinstance(composite, FuncType)
        return composite

    def code(self, func_index: int) -> int:
        """The present address of an own function's code: it compiles when it is called, if it is not yet."""
        return self._code[func_index - self.first_own]

    def ensure(self, func_index: int) -> int:
        """Compile an own function, unless that is done; returns the address of its code."""
        with self._lock:
            if not self._is_compiled[func_index - self.first_own]:
                self._add(self.engine.compile(self.valid, self.layout, (func_index,)))
                if not self._is_compiled[func_index - self.first_own]:
                    raise WasmError(f"the {self.engine.name} engine did not compile function {func_index}")
            return self.code(func_index)

    def images(self) -> list[CodeImage]:
        """The code that there is by now, as it would be kept."""
        with self._lock:
            return self._loaded.images()

    def compile_all(self, progress: Progress | None = None) -> None:
        """Compile all functions, on all cores. `progress` is called with how many are done and how many there are.

        A second call does nothing. What cannot be compiled yet fails when it is called.
        """
        if all(self._is_compiled):
            return
        for image in self.engine.compile_all(self.valid, self.layout, progress):
            self._add(image)

    @property
    def own_functions(self) -> range:
        """The indices of the functions that the module defines."""
        return range(self.first_own, self.first_own + self.blueprint.own_function_count)

    @property
    def counter_values(self) -> memoryview:
        """The counters, each an i32."""
        return self._counters.view().cast("i")

    def size_bytes(self, func_index: int) -> int:
        """The size of an own function's body, known without the module being decoded."""
        return self.blueprint.body_sizes[func_index - self.first_own]

    @cached_property
    def call_graph(self) -> CallGraph:
        """Who calls whom."""
        from jormun.runtime.tiering.call_graph import CallGraph  # reads code, which is not needed to start

        return CallGraph(self.valid)

    def improve(self, functions: Sequence[int], loops: Sequence[LoopHead]) -> BetterCode:
        """Optimize functions and entries at loops; what is called from now on is the better code."""
        assert self.engine.optimizer is not None
        image = self.engine.optimizer.improver().improve(self.valid, self.layout, functions, loops)
        return self._add(image)

    def fill(self, parts: Parts) -> None:
        """Write an instance's function records, and what its tables begin with, and keep the records up to date while
        the parts live. To be called before anybody looks at them, or its code runs; that of a record which was written
        by `reveal` calls it.
        """
        with self._lock:
            if parts.is_filled:
                return
            self._parts.add(parts)
            code, first = self._code, self.first_own
            parts.set_codes(self, array("Q", [code[index - first] for index in self.layout.own_function_records]))
            pool = self.__dict__.get("pool")
            if parts.tables and pool is not None and pool.tables is not None:
                parts.fill(pool.tables)
            parts.is_filled = True

    def reveal(self, parts: Parts, func_index: int) -> None:
        """Write the record of an own function, if `fill` has not: a call of it goes to its stub, which fills all."""
        with self._lock:
            if not parts.is_filled:
                stub = Native.get().stubs.address(func_index - self.first_own)
                parts.set_record(self, func_index, stub)

    @cached_property
    def pool(self) -> PartsPool | None:
        """Parts of instances that are dead, for new ones. None where each instance begins in its own way."""
        from jormun.runtime.parts_pool import pool_for  # most processes make one instance

        pool: PartsPool | None = self.__dict__.setdefault("pool", pool_for(self.blueprint))  # one for all threads
        return pool

    @cached_property
    def names(self) -> Names:
        """The names in the module's name section, as far as there is one."""
        from jormun.syntax.names import names_of

        return names_of(self.valid.module)

    def native_type(self, deftype: DefType) -> int:
        """What native code knows a type of the module by (Layout.type_id_offset)."""
        if not self.has_objects:
            return deftype.id
        from jormun.runtime.shapes import native_type

        return native_type(deftype)

    @cached_property
    def roots(self) -> tuple[Sequence[int], Sequence[int]] | None:
        """The own globals and own tables, by index, in which references to objects may be, if there are any."""
        blueprint = self.blueprint
        globals_ = range(len(blueprint.global_types) - len(blueprint.globals), len(blueprint.global_types))
        tables = range(len(blueprint.table_types) - len(blueprint.tables), len(blueprint.table_types))
        found = (
            [k for k in globals_ if may_be_object(blueprint.global_types[k].value)],
            [k for k in tables if may_be_object(blueprint.table_types[k].element)],
        )
        return found if any(found) else None

    def function_facts(self, func_index: int) -> FunctionFacts:
        """What is known of an own function: called by its export, else by its name section."""
        facts = self._facts.get(func_index)
        if facts is None:
            name = self.export_names.get(func_index)
            if name is None:
                name = self.function_name(func_index)
            if name is None:
                name = f"function {func_index}"
            deftype = self.blueprint.types[self.blueprint.function_types[func_index]]
            facts = self._facts[func_index] = FunctionFacts(deftype, name, func_index in self._short_functions)
        return facts

    @cached_property
    def _short_functions(self) -> frozenset[int]:
        """The exported functions that run for a moment at most."""
        return frozenset(self.blueprint.short_functions)

    @cached_property
    def export_places(self) -> dict[str, tuple[ExternKind, int]]:
        """What each export is of, and its index there."""
        return {export.name: (export.kind, export.index) for export in self.blueprint.exports}

    def tag_name(self, tag: int) -> str:
        """What a tag is exported or imported as, else nothing."""
        return self._tag_names.get(tag, "")

    @cached_property
    def _tag_names(self) -> dict[int, str]:
        tags = [each.name for each in self.blueprint.imports if isinstance(each.type, TagType)]
        names = dict(enumerate(tags))
        for export in self.blueprint.exports:
            if export.kind is ExternKind.TAG:
                names.setdefault(export.index, export.name)
        return names

    @cached_property
    def export_names(self) -> dict[int, str]:
        """The first name that a function is exported by, by its index."""
        names: dict[int, str] = {}
        for export in self.blueprint.exports:
            if export.kind is ExternKind.FUNC:
                names.setdefault(export.index, export.name)
        return names

    def function_name(self, func_index: int) -> str | None:
        """What the name section calls a function, else the first name that it is exported by."""
        from jormun.syntax.names import Subsection

        name = self.names.of(Subsection.FUNCTION).get(func_index)
        return self.export_names.get(func_index) if name is None else name

    def frame(self, function_index: int) -> Frame:
        """A frame of a backtrace."""
        return Frame(self.names.module, function_index, self.function_name(function_index))

    def _add(self, image: CodeImage) -> BetterCode:
        """Load what was compiled, and have it kept."""
        code = self._load(image)
        if self._keeper is not None:
            self._keeper.keep(image)
        return code

    def _load(self, image: CodeImage) -> BetterCode:
        """Load code and let everything that calls its functions find them; the optimized part of it."""
        loaded = Native.get().load(image, self)
        functions: dict[int, int] = {}
        loops: dict[LoopHead, int] = {}
        with self._lock:
            self._loaded.append(loaded)
            for function in image.functions:
                address = loaded.address + function.offset
                if function.kind == BASELINE:
                    self._publish(function.index, address, is_better=False)
                elif function.kind == FUNCTION:
                    self._publish(function.index, address, is_better=True)
                    functions[function.index] = address
                elif function.kind == LOOP_ENTRY:
                    loops[LoopHead(function.index, function.loop)] = address
        return BetterCode(functions, loops)

    def _publish(self, func_index: int, address: int, is_better: bool) -> None:
        place = func_index - self.first_own
        if self._is_compiled[place] > is_better:
            return  # there is as good already: two threads compiled it, or it was in two units
        self._code[place] = address
        self._is_compiled[place] = 1 + is_better
        for parts in self._parts:
            offset = self.layout.own_function_records.get(func_index)
            if offset is not None:
                parts.set_code(offset, address)
