"""Instances of modules, and what they consist of (core specification, section 4.7.1)."""

from __future__ import annotations

from array import array

from jormun.errors import ExhaustionError, Trap, TrapKind
from jormun.hints import Sequence
from jormun.runtime import layout, references
from jormun.runtime.blueprint import DECLARATIVE, FUNCTION, NO_FUNCTION, Constant, ElementBlueprint
from jormun.runtime.function import Function, call_native
from jormun.runtime.globals import Global, read_cell, write_cell
from jormun.runtime.linking import Extern, Given
from jormun.runtime.memory import Memory, MemoryParts
from jormun.runtime.module import CompiledModule
from jormun.runtime.module_instance import ModuleInstance
from jormun.runtime.native import pages
from jormun.runtime.parts import Parts
from jormun.runtime.slots import slots_of
from jormun.runtime.store import Store
from jormun.runtime.table import Table, TableInstance
from jormun.runtime.tag import Tag
from jormun.types import ExternKind, FuncType, RefType


class Instance:
    """An instance of a module, by whose exports it is used. It keeps its store alive."""

    __slots__ = (
        "__weakref__", "_exports", "_functions", "_globals", "_tables", "_tags", "compiled", "native", "store",
    )  # fmt: skip

    def __init__(self, store: Store, native: ModuleInstance, imports: Sequence[Given]) -> None:
        """Made by `instantiate`."""
        self.store = store
        self.native = native
        self.compiled = native.compiled
        self._functions: list[Function] | None = None
        """Those that were given as such, which stay the objects that they are."""
        self._exports: dict[str, Extern] | None = None
        # FAST: handles are made when somebody wants them, and dicts for them: 200 bytes of an idle instance.
        self._globals: dict[int, Global] | None = None
        self._tables: dict[int, Table] | None = None
        self._tags: dict[int, Tag] | None = None
        if not imports:
            return
        functions = [i if isinstance(i, int) else i.address for i in imports if isinstance(i, (int, Function))]
        if functions:
            native.write_words(native.compiled.layout.imported_function_offset(0), functions)
        if functions != imports:  # else they are addresses, all of them
            self._functions = [i for i in imports if isinstance(i, Function)]
            self._globals = dict(enumerate(i for i in imports if isinstance(i, Global)))
            self._tables = dict(enumerate(i for i in imports if isinstance(i, Table)))
            self._tags = dict(enumerate(i for i in imports if isinstance(i, Tag)))

    @property
    def memories(self) -> Sequence[Memory]:
        """All memories, imported ones first."""
        return self.native.memories

    @property
    def exports(self) -> dict[str, Extern]:
        """All exports by name."""
        if self._exports is None:
            exports = {name: self.export(name) for name in self.compiled.export_places}
            with self.store.lock:  # all threads have the same
                if self._exports is None:
                    self._exports = exports
        return self._exports

    def export(self, name: str) -> Extern:
        """The export with this name. Raises KeyError."""
        kind, index = self.compiled.export_places[name]
        match kind:
            case ExternKind.FUNC:
                return self.function(index)
            case ExternKind.TABLE:
                return self.table(index)
            case ExternKind.MEMORY:
                return self.memories[index]
            case ExternKind.GLOBAL:
                return self.global_(index)
            case ExternKind.TAG:
                return self.tag(index)

    def function(self, func_index: int) -> Function:
        """A function; an own one must be among those whose reference may be taken, as exports are."""
        compiled, native = self.compiled, self.native
        if func_index < compiled.first_own:
            return self.store.function(self.function_address(func_index))
        if not native.parts.is_filled:
            compiled.reveal(native.parts, func_index)
        address = native.parts.vm + compiled.layout.own_function_records[func_index]
        return self.store.function_of(address, compiled.function_facts(func_index), native)

    def fill(self) -> None:
        """To be called before somebody looks at a reference in the instance, or its code runs."""
        if not self.native.parts.is_filled:
            self.compiled.fill(self.native.parts)

    def function_address(self, func_index: int) -> int:
        """The address of such a function's record, which is the reference to it."""
        if func_index < self.compiled.first_own:
            return self.native.read(self.compiled.layout.imported_function_offset(func_index))
        return self.native.vm + self.compiled.layout.own_function_record_offset(func_index)

    def table(self, index: int) -> Table:
        """A table."""
        self.fill()
        with self.store.lock:  # all threads have the same
            if self._tables is None:
                self._tables = {}
            table = self._tables.get(index)
            if table is None:
                table = self._tables[index] = Table.at(self.store, self.native.tables[index], self.native)
            return table

    def global_(self, index: int) -> Global:
        """A global."""
        t = self.compiled.blueprint.global_types[index]
        if isinstance(t.value, RefType):
            self.fill()
        with self.store.lock:
            if self._globals is None:
                self._globals = {}
            found = self._globals.get(index)
            if found is None:
                found = self._globals[index] = Global.at(self.store, t, self.global_address(index), self.native)
            return found

    def global_address(self, index: int) -> int:
        """The address of a global's cell."""
        offset, is_indirect = self.compiled.layout.global_place(index)
        return self.native.read(offset) if is_indirect else self.native.vm + offset

    def read_global(self, index: int) -> int:
        """The bits of a global."""
        return read_cell(self.global_address(index), self.compiled.blueprint.global_types[index])

    def tag(self, index: int) -> Tag:
        """A tag."""
        with self.store.lock:
            if self._tags is None:
                self._tags = {}
            tag = self._tags.get(index)
            if tag is None:
                identity = self.native.read(self.compiled.layout.tag_offset(index))
                deftype, name = self.compiled.blueprint.tag_types[index], self.compiled.tag_name(index)
                tag = self._tags[index] = Tag.at(self.store, deftype, identity, name)
            return tag

    def evaluate(self, constant: Constant) -> int:
        """The bits of a constant expression of the module."""
        if isinstance(constant, int):
            return constant
        if isinstance(constant, tuple):
            kind, index = constant
            return self.function_address(index) if kind == FUNCTION else self.read_global(index)
        from jormun.runtime.constant import evaluate  # which needs the table of opcodes
        from jormun.syntax.expression import Expr

        types, heap = self.compiled.blueprint.types, lambda: self.store.heap
        return evaluate(Expr(constant), self.read_global, self.function_address, types, heap)

    def references(self, element: ElementBlueprint) -> array[int]:
        """The references in an element segment."""
        if element.functions is None:
            return array("Q", map(self.evaluate, element.items))
        vm, records = self.native.vm, self.compiled.layout.own_function_records
        addresses = {index: self.function_address(index) for index in range(self.compiled.first_own)}
        addresses[NO_FUNCTION] = references.NULL
        return array("Q", [vm + records[k] if k in records else addresses[k] for k in element.functions])


def allocate(
    store: Store, compiled: CompiledModule, imports: Sequence[Given], *, is_alike: bool, is_known: bool
) -> Instance:
    """The instance with all it consists of, before its active segments and start function are run (4.7.1).

    One that `is_alike` imports functions alone. What is in its tables, segments run, may be known.
    """
    blueprint, parts = compiled.blueprint, Parts(compiled)
    handles: list[Memory] | None = None
    if not is_alike:
        handles = [i for i in imports if isinstance(i, Memory)]
        handles += [Memory(store, t) for t in blueprint.memory_types[len(handles) :]]
        memories = [each.parts for each in handles]
    else:  # handles are made when somebody wants them
        memories = parts.memories = [MemoryParts.of(t, store.budget) for t in blueprint.memory_types]
    if not store.budget.take(0, 0, 1):
        reason = store.budget.instances_reason
        raise ExhaustionError(TrapKind.RESOURCE_LIMIT, message=f"there cannot be another instance: {reason}")
    native = ModuleInstance(compiled, parts, handles, store.budget)
    instance = Instance(store, native, imports)
    offsets = compiled.layout
    for index, deftype in enumerate(blueprint.types):
        native.write(offsets.type_id_offset(index), compiled.native_type(deftype))
    for index, memory in enumerate(memories):
        native.write(offsets.memory_base_offset(index), memory.space.base)
        native.write(offsets.memory_record_offset(index), memory.record.address)
    _allocate_tags(instance, imports)
    _allocate_globals(instance, imports)
    _allocate_tables(instance, imports, is_known)
    _allocate_datas(instance)
    if not is_known:
        _allocate_elements(instance)
    return instance


def _allocate_tags(instance: Instance, imports: Sequence[Given]) -> None:
    tags = [i for i in imports if isinstance(i, Tag)]
    types = instance.compiled.blueprint.tag_types
    tags += [Tag(instance.store, t) for t in types[len(tags) :]]
    for index, tag in enumerate(tags):
        instance.native.write(instance.compiled.layout.tag_offset(index), tag.identity)


def _allocate_globals(instance: Instance, imports: Sequence[Given]) -> None:
    """Globals see those before them."""
    imported = [i for i in imports if isinstance(i, Global)]
    for index, each in enumerate(imported):
        instance.native.write(instance.compiled.layout.global_place(index)[0], each.address)
    blueprint = instance.compiled.blueprint
    for index, init in enumerate(blueprint.globals, len(imported)):
        write_cell(instance.global_address(index), blueprint.global_types[index], instance.evaluate(init))


def _allocate_tables(instance: Instance, imports: Sequence[Given], is_known: bool) -> None:
    native, blueprint = instance.native, instance.compiled.blueprint
    native.tables += [i.instance for i in imports if isinstance(i, Table)]
    for init in blueprint.tables:
        t = blueprint.table_types[len(native.tables)]
        # What is known is written when somebody looks.
        bits = references.NULL if is_known else instance.evaluate(init)
        native.tables.append(TableInstance(t, instance.store.budget, bits))
    for index, table in enumerate(native.tables):
        native.write(instance.compiled.layout.table_record_offset(index), table.record)


def _allocate_datas(instance: Instance) -> None:
    native, offsets = instance.native, instance.compiled.layout
    for data in instance.compiled.blueprint.datas:
        at = offsets.data_offset(data.index)
        assert isinstance(data.source, bytes)
        native.write(at + layout.SEGMENT_START, pages.address_of(data.source) + data.start)
        native.write(at + layout.SEGMENT_SIZE, data.size_bytes)


def _allocate_elements(instance: Instance) -> None:
    native, offsets = instance.native, instance.compiled.layout
    for index, element in enumerate(instance.compiled.blueprint.elements):
        if element.table == DECLARATIVE:
            continue  # dropped at once, and evaluating it has no effects
        elements = instance.references(element)
        block = pages.Block(layout.REFERENCE_BYTES * len(elements))
        block.view()[:] = memoryview(elements).cast("B")
        native.segments[index] = block
        if element.functions is None:
            instance.store.roots.add_segment(block)
        native.write(offsets.elem_offset(index) + layout.SEGMENT_START, block.address)
        native.write(offsets.elem_offset(index) + layout.SEGMENT_SIZE, len(elements))


def run_elements(instance: Instance) -> None:
    """table.init and elem.drop for each active segment (4.7.2, run-elem)."""
    native = instance.native
    for index, element in enumerate(instance.compiled.blueprint.elements):
        if element.table >= 0:
            table = native.tables[element.table]
            block = native.segments[index]
            start, count = instance.evaluate(element.offset), block.size_bytes // layout.REFERENCE_BYTES
            if start + count > table.size:
                raise Trap(TrapKind.TABLE_OUT_OF_BOUNDS)
            del native.segments[index]
            table.write(start, block.view())
            native.write(instance.compiled.layout.elem_offset(index) + layout.SEGMENT_SIZE, 0)


def run_datas(instance: Instance) -> None:
    """memory.init and data.drop for each active segment (4.7.2, run-data)."""
    blueprint, native = instance.compiled.blueprint, instance.native
    for data in blueprint.contents:
        memory, start = instance.memories[data.memory], instance.evaluate(data.offset)
        pages.expect_all(memory.base + start, data.size_bytes)
        memory.write(start, data.contents)
    for data in blueprint.datas:
        if data.memory >= 0:
            memory = instance.memories[data.memory]
            start = instance.evaluate(data.offset)
            if start + data.size_bytes > memory.size_bytes:
                raise Trap(TrapKind.MEMORY_OUT_OF_BOUNDS)
            memory.write(start, data.contents)
            native.write(instance.compiled.layout.data_offset(data.index) + layout.SEGMENT_SIZE, 0)


def start(instance: Instance) -> None:
    """Call the start function (4.7.2, step 18); its reference need not be one that may be taken."""
    func_index = instance.compiled.blueprint.start
    if func_index is None:
        return
    if func_index < instance.compiled.first_own:
        instance.function(func_index).call()
        return
    instance.fill()
    code = instance.compiled.code(func_index)
    slots = slots_of(FuncType((), ()))
    call_native(instance.store, slots, code, instance.native.vm, (), "the start function", len)
