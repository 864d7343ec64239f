"""Validation of a whole module (core specification, section 3.5)."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.errors import InvalidError
from jormun.features import DEFAULT_FEATURES, Features
from jormun.hints import Callable, Iterator, Sequence, Sized, TypeVar
from jormun.limits import PARAMETERS, RESULTS, STRUCT_FIELDS
from jormun.syntax.mode import Active
from jormun.syntax.module import Element, Export, Module
from jormun.syntax.section import SectionId
from jormun.types import (
    I32,
    DefType,
    ExternKind,
    ExternType,
    FuncExternType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    StructType,
    SubType,
    TableType,
    TagType,
)
from jormun.validation import operand
from jormun.validation.body import validate_function
from jormun.validation.canonical import close, close_ref
from jormun.validation.constant import (
    count_plain,
    referenced_functions,
    validate_constant,
    validate_function_indices,
)
from jormun.validation.context import Context
from jormun.validation.matching import close_types
from jormun.validation.place import placed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ValidModule:
    """A module that is valid, with what validation found out. Types are closed; index spaces count imports first."""

    module: Module
    types: tuple[DefType, ...]
    """The definition of each type index."""
    function_types: tuple[int, ...]
    """The type index of each function."""
    table_types: tuple[TableType, ...]
    memory_types: tuple[MemoryType, ...]
    global_types: tuple[GlobalType, ...]
    tag_types: tuple[DefType, ...]
    referenced_functions: frozenset[int]
    """The functions whose references may be taken: by exports, element segments, constant expressions and code."""
    import_types: tuple[ExternType, ...]

    @property
    def imported_function_count(self) -> int:
        """How many functions are imported: the index of the first that the module defines."""
        return len(self.function_types) - len(self.module.functions)

    def __reduce__(self) -> tuple[Callable[[Module], ValidModule], tuple[Module]]:
        """Pickle the module alone: definitions are objects of one process, and nest as deeply as a file likes."""
        return trust, (self.module,)


def validate(module: Module, features: Features = DEFAULT_FEATURES) -> ValidModule:
    """Validate a module.

    Raises InvalidError when it breaks a rule, and MalformedError when the code of a function does not decode: the
    decoder leaves function bodies to the validator's one pass.
    """
    validator = _ModuleValidator(module, features)
    validator.check_declarations()
    validator.check_code()
    return validator.result()


def trust(module: Module, features: Features = DEFAULT_FEATURES) -> ValidModule:
    """What `validate` returned for a module that it has found valid, in another process."""
    validator = _ModuleValidator(module, features, is_trusted=True)
    validator.check_declarations()
    return validator.result()


class _ModuleValidator:
    """A module under validation: its index spaces, closed, and the context that its code sees."""

    def __init__(self, module: Module, features: Features, *, is_trusted: bool = False) -> None:
        self.module = module
        self.features = features
        self.is_trusted = is_trusted
        """Whether what says nothing to others needs no check."""
        self.deftypes = close_types(module)
        self.subtypes: list[SubType] = [subtype for rec in module.types for subtype in rec.subtypes]
        self.context = Context(self.subtypes, self.deftypes, features)
        self.function_types: list[int] = []
        self.tables: list[TableType] = []
        self.memories: list[MemoryType] = []
        self.globals: list[GlobalType] = []
        self.tags: list[DefType] = []
        self.import_types: list[ExternType] = []
        self.section, self.index = SectionId.TYPE, 0
        """The declaration that is being checked."""

    def check_declarations(self) -> None:
        """Check all but the code of functions."""
        try:
            self._check_declarations()
        except InvalidError as error:
            raise placed(error, self.module.places, self.section, self.index) from None

    def _check_declarations(self) -> None:
        module = self.module
        self.check_type_sizes()
        for entry in self.each(SectionId.IMPORT, module.imports):
            self.import_types.append(self.add_import(entry.type))
        for function in self.each(SectionId.FUNCTION, module.functions):
            self.add_function(function.type_index)
        for tag in self.each(SectionId.TAG, module.tags):
            self.add_tag(tag)
        self.context.referenced_functions = referenced_functions(module)
        # Tables' initial values see the imported globals only, globals' those before them, segments all.
        for table in self.each(SectionId.TABLE, module.tables):
            closed = self.add_table(table.type)
            code = self.context.code(table.type.element)
            if table.init is not None:
                validate_constant(self.context, table.init, code, table.source)
            elif not closed.element.nullable:
                raise InvalidError(f"type mismatch: table {len(self.tables) - 1} has no default and no initial value")
        for memory in self.each(SectionId.MEMORY, module.memories):
            self.add_memory(memory)
        for variable in self.each(SectionId.GLOBAL, module.globals):
            validate_constant(self.context, variable.init, self.context.code(variable.type.value), variable.source)
            self.add_global(variable.type)
        self.context.data_count = len(module.datas)
        self.context.has_data_count = module.has_data_count
        self.check_elements()
        if not self.is_trusted:
            self.check_datas()
        self.section, self.index = SectionId.START, 0
        self.check_start()
        self.check_exports()

    def each(self, section: SectionId, entries: Sequence[T], first: int = 0) -> Iterator[T]:
        """The entries of a section, from one on, noting which one is at hand."""
        self.section = section
        for self.index in range(first, len(entries)):
            yield entries[self.index]

    def check_code(self) -> None:
        """Check the functions that the module defines (3.5.1). Everything that they may refer to is declared."""
        first = len(self.function_types) - len(self.module.functions)
        for index, function in enumerate(self.module.functions, first):
            validate_function(self.context, index, function)

    def result(self) -> ValidModule:
        """The module, valid."""
        return ValidModule(
            self.module,
            tuple(self.deftypes),
            tuple(self.function_types),
            tuple(self.tables),
            tuple(self.memories),
            tuple(self.globals),
            tuple(self.tags),
            frozenset(self.context.referenced_functions),
            tuple(self.import_types),
        )

    def check_type_sizes(self) -> None:
        """Check the bounds that implementations share on the size of a type."""
        for index, subtype in enumerate(self.each(SectionId.TYPE, self.subtypes)):
            composite = subtype.composite
            if isinstance(composite, FuncType):
                _check_count("parameters", len(composite.params), PARAMETERS, index)
                _check_count("results", len(composite.results), RESULTS, index)
            elif isinstance(composite, StructType):
                _check_count("fields", len(composite.fields), STRUCT_FIELDS, index)

    def add_import(self, entry: ExternType) -> ExternType:
        """Add an import to its index space, and return its closed type."""
        match entry:
            case FuncExternType(type_index):
                assert isinstance(type_index, int)
                return FuncExternType(self.add_function(type_index))
            case TableType():
                return self.add_table(entry)
            case MemoryType():
                return self.add_memory(entry)
            case GlobalType():
                return self.add_global(entry)
            case TagType():
                return TagType(self.add_tag(entry))

    def add_function(self, type_index: int) -> DefType:
        """Add a function."""
        self.context.functions.append(self.context.function_type(type_index))
        self.function_types.append(type_index)
        return self.deftypes[type_index]

    def add_tag(self, tag: TagType) -> DefType:
        """Add a tag (3.2.17)."""
        assert isinstance(tag.type, int)
        functype = self.context.function_type(tag.type)
        if functype.results:
            raise InvalidError(f"non-empty tag result type {operand.describe_all(functype.results)}")
        self.context.tags.append(functype)
        deftype = self.deftypes[tag.type]
        self.tags.append(deftype)
        return deftype

    def add_table(self, table: TableType) -> TableType:
        """Add a table (3.2.19)."""
        bound = (1 << table.address.bits) - 1
        _check_limits(table.limits, bound, f"table size must be at most {bound} elements")
        closed = TableType(close_ref(table.element, self.deftypes), table.limits, table.address)
        self.tables.append(closed)
        self.context.tables.append(self.context.code(table.element))
        self.context.table_addresses.append(table.address.value)
        return closed

    def add_memory(self, memory: MemoryType) -> MemoryType:
        """Add a memory (3.2.18 with the threads and custom page sizes proposals)."""
        log2 = memory.page_size_log2
        if log2 not in (0, 16):
            raise InvalidError(f"invalid custom page size: expected 1 or 65536, found 2**{log2}")
        if log2 != 16 and not self.features.custom_page_sizes:
            raise InvalidError("invalid custom page size: the custom page sizes proposal is off")
        bits = memory.address.bits
        bound = min(1 << (bits - log2), (1 << bits) - 1)
        total = "4GiB" if memory.address is I32 else "16EiB"
        _check_limits(memory.limits, bound, f"memory size must be at most {bound} pages ({total})")
        if memory.is_shared:
            if not self.features.threads:
                raise InvalidError("shared memory, but the threads proposal is off")
            if memory.limits.maximum is None:
                raise InvalidError("shared memory must have maximum")
        self.memories.append(memory)
        self.context.memory_addresses.append(memory.address.value)
        return memory

    def add_global(self, entry: GlobalType) -> GlobalType:
        """Add a global (3.2.16)."""
        closed = GlobalType(close(entry.value, self.deftypes), entry.is_mutable)
        self.globals.append(closed)
        self.context.globals.append(self.context.code(entry.value))
        self.context.are_globals_mutable.append(entry.is_mutable)
        return closed

    def check_elements(self) -> None:
        """Check the element segments (3.5.9)."""
        for index, element in enumerate(self.each(SectionId.ELEMENT, self.module.elements)):
            code = self.context.code(element.type)
            self.context.elements.append(code)
            if isinstance(element.mode, Active):
                self.check_active_element(index, element, element.mode, code)
            indices = tuple([init for init in element.init if isinstance(init, int)])
            validate_function_indices(self.context, indices, code)
            for init in element.init:
                if not isinstance(init, int):
                    validate_constant(self.context, init, code, element.source, is_at_source=False)

    def check_active_element(self, index: int, element: Element, mode: Active, code: int) -> None:
        """Check the table and offset of an active element segment."""
        tables = self.context.tables
        if mode.index >= len(tables):
            raise InvalidError(f"unknown table {mode.index}, there are {len(tables)}, in element segment {index}")
        if not self.context.matches(code, tables[mode.index]):
            raise InvalidError(
                f"type mismatch: expected {operand.describe(tables[mode.index])} as in table {mode.index}, "
                f"found {operand.describe(code)} in element segment {index}"
            )
        address = self.context.table_addresses[mode.index]
        validate_constant(self.context, mode.offset, address, element.source, is_at_source=False)

    def check_datas(self) -> None:
        """Check the data segments (3.5.8)."""
        datas, addresses = self.module.datas, self.context.memory_addresses
        for data in self.each(SectionId.DATA, datas, count_plain(datas, addresses)):
            mode = data.mode
            if isinstance(mode, Active):
                if mode.index >= len(addresses):
                    raise InvalidError(
                        f"unknown memory {mode.index}, there are {len(addresses)}, in data segment {self.index}"
                    )
                validate_constant(self.context, mode.offset, addresses[mode.index], data.source, is_at_source=False)

    def check_start(self) -> None:
        """Check the start function (3.5.11)."""
        start = self.module.start
        if start is None:
            return
        functions = self.context.functions
        if start >= len(functions):
            raise InvalidError(f"unknown function {start}, there are {len(functions)}, as start function")
        functype = functions[start]
        if functype.params or functype.results:
            found = f"{operand.describe_all(functype.params)} -> {operand.describe_all(functype.results)}"
            raise InvalidError(f"start function {start}: expected type [] -> [], found {found}")

    def check_exports(self) -> None:
        """Check the exports, whose names must differ (3.5.12)."""
        names: set[str] = set()
        for export in self.each(SectionId.EXPORT, self.module.exports):
            if export.name in names:
                raise InvalidError(f"duplicate export name {export.name!r}")
            names.add(export.name)
            self.check_export(export)

    def check_export(self, export: Export) -> None:
        """Check that an export's index is one of its index space."""
        spaces: dict[ExternKind, Sized] = {
            ExternKind.FUNC: self.function_types,
            ExternKind.TABLE: self.tables,
            ExternKind.MEMORY: self.memories,
            ExternKind.GLOBAL: self.globals,
            ExternKind.TAG: self.tags,
        }
        count = len(spaces[export.kind])
        if export.index >= count:
            space = "function" if export.kind is ExternKind.FUNC else export.kind.name.lower()
            raise InvalidError(f"unknown {space} {export.index}, there are {count}, in export {export.name!r}")


def _check_count(what: str, count: int, bound: int, type_index: int) -> None:
    if count > bound:
        raise InvalidError(f"too many {what}: type {type_index} has {count}, at most {bound} are allowed")


def _check_limits(limits: Limits, bound: int, message: str) -> None:
    if limits.minimum > bound or (limits.maximum is not None and limits.maximum > bound):
        raise InvalidError(message)
    if limits.maximum is not None and limits.minimum > limits.maximum:
        raise InvalidError(
            f"size minimum must not be greater than maximum: {limits.minimum} is greater than {limits.maximum}"
        )
