"""Modules ready to be instantiated: their layout, machine code and names, shared by all instances and stores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING
from weakref import WeakSet

from jormun.errors import Frame, WasmError
from jormun.runtime.engine import Engine, LoopHead, Progress
from jormun.runtime.image import BASELINE, FUNCTION, LOOP_ENTRY, CodeImage
from jormun.runtime.layout import Layout
from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.subtypes import keep_declared
from jormun.runtime.tiering.tier_up import BetterCode, TierUp
from jormun.syntax.names import Names, Subsection, names_of
from jormun.types import ExternKind, FuncType
from jormun.validation.module import ValidModule

if TYPE_CHECKING:
    from jormun.runtime.module_instance import ModuleInstance
    from jormun.runtime.native.code import LoadedCode
    from jormun.runtime.tiering.call_graph import CallGraph


class CompiledModule:
    """A valid module with an engine that compiles its functions, each at its first call or all at once.

    Its code serves all instances, in all stores and threads, and is freed when neither the module nor an instance is in
    use any more.
    """

    def __init__(self, valid: ValidModule, engine: Engine) -> None:
        self.valid = valid
        self.engine = engine
        self.layout = Layout(valid)
        self.first_own = self.layout.imported_function_count
        """The index of the first function that is not imported."""
        self._code_table = Native.get().code_table(len(valid.module.functions))
        self._code = self._code_table.view().cast("Q")
        self._counters = pages.Block(max(4 * len(valid.module.functions), 8))
        self._is_compiled = bytearray(len(valid.module.functions))
        """1 for each function that has code, 2 for one that has better code."""
        self._loaded: list[LoadedCode] = []
        self._instances: WeakSet[ModuleInstance] = WeakSet()
        self._lock = RLock()
        self._types = keep_declared(valid.types)
        optimizer = engine.optimizer
        self.tier_up = None if optimizer is None else TierUp(self, optimizer.tiering)
        """Decides which functions get better code, if the engine's code asks for that."""

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
        composite = self.valid.types[self.valid.function_types[func_index]].composite
        assert isinstance(composite, FuncType)
        return composite

    def code(self, func_index: int) -> int:
        """The present address of an own function's code: it compiles when it is called, if it is not yet."""
        return self._code[func_index - self.first_own]

    def ensure(self, func_index: int) -> int:
        """Compile an own function, unless that is done; returns the address of its code."""
        with self._lock:
            if not self._is_compiled[func_index - self.first_own]:
                self._load(self.engine.compile(self.valid, self.layout, (func_index,)))
                if not self._is_compiled[func_index - self.first_own]:
                    raise WasmError(f"the {self.engine.name} engine did not compile function {func_index}")
            return self.code(func_index)

    def compile_all(self, progress: Progress | None = None) -> None:
        """Compile all functions, on all cores. `progress` is called with how many are done and how many there are.

        A second call does nothing. What cannot be compiled yet fails when it is called.
        """
        if all(self._is_compiled):
            return
        for image in self.engine.compile_all(self.valid, self.layout, progress):
            self._load(image)

    @property
    def own_functions(self) -> range:
        """The indices of the functions that the module defines."""
        return range(self.first_own, self.first_own + len(self.valid.module.functions))

    @property
    def counter_values(self) -> memoryview:
        """The counters, each an i32."""
        return self._counters.view().cast("i")

    @cached_property
    def call_graph(self) -> CallGraph:
        """Who calls whom."""
        from jormun.runtime.tiering.call_graph import CallGraph  # reads code, which is not needed to start

        return CallGraph(self.valid)

    def improve(self, functions: Sequence[int], loops: Sequence[LoopHead]) -> BetterCode:
        """Optimize functions and entries at loops; what is called from now on is the better code."""
        assert self.engine.optimizer is not None
        image = self.engine.optimizer.improver().improve(self.valid, self.layout, functions, loops)
        return self._load(image, is_better=True)

    def attach(self, instance: ModuleInstance) -> None:
        """Fill the function records of a new instance, and keep them up to date while it lives."""
        with self._lock:
            self._instances.add(instance)
            for func_index in self.layout.own_function_records:
                instance.set_code(func_index, self.code(func_index))

    @cached_property
    def names(self) -> Names:
        """The names in the module's name section, as far as there is one."""
        return names_of(self.valid.module)

    @cached_property
    def export_names(self) -> dict[int, str]:
        """The first name that a function is exported by, by its index."""
        names: dict[int, str] = {}
        for export in self.valid.module.exports:
            if export.kind is ExternKind.FUNC:
                names.setdefault(export.index, export.name)
        return names

    def function_name(self, func_index: int) -> str | None:
        """What the name section calls a function, else the first name that it is exported by."""
        name = self.names.of(Subsection.FUNCTION).get(func_index)
        return self.export_names.get(func_index) if name is None else name

    def frame(self, function_index: int) -> Frame:
        """A frame of a backtrace."""
        return Frame(self.names.module, function_index, self.function_name(function_index))

    def _load(self, image: CodeImage, is_better: bool = False) -> BetterCode:
        """Load code and let everything that calls its functions find them."""
        loaded = Native.get().load(image, self)
        start = loaded.address
        code = BetterCode(
            {f.index: start + f.offset for f in image.functions if f.kind in (FUNCTION, BASELINE)},
            {LoopHead(f.index, f.loop): start + f.offset for f in image.functions if f.kind == LOOP_ENTRY},
        )
        with self._lock:
            self._loaded.append(loaded)
            for func_index, address in code.functions.items():
                self._publish(func_index, address, is_better)
        return code

    def _publish(self, func_index: int, address: int, is_better: bool) -> None:
        place = func_index - self.first_own
        if self._is_compiled[place] > is_better:
            return  # there is as good already: two threads compiled it, or it was in two units
        self._code[place] = address
        self._is_compiled[place] = 1 + is_better
        if func_index in self.layout.own_function_records:
            for instance in self._instances:
                instance.set_code(func_index, address)

    def __del__(self) -> None:
        # Instances keep their module: none is left, so no thread runs this code.
        for loaded in self.__dict__.get("_loaded", ()):
            loaded.free()
