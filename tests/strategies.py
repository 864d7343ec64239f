"""Hypothesis strategies for modules and their parts: well-formed, that is, what the binary format can say.

Well-formed is not valid: indices point anywhere and operands have any type. Every row of the instruction table takes
part, by its kinds of immediates, so that a new row is tested without a change here.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from jormun.opcodes.immediates import Cast, Catch, CatchKind, Immediate, ImmediateValue, MemArg
from jormun.opcodes.table import BY_CODE, BY_NAME, Row
from jormun.syntax.code import encode_instruction
from jormun.syntax.data import Data
from jormun.syntax.expression import Expr
from jormun.syntax.function import Function
from jormun.syntax.mode import Active, Declarative, Passive
from jormun.syntax.module import Custom, Element, Export, Global, Import, Module, Table
from jormun.syntax.section import PLACES, SectionId
from jormun.types import (
    AbsHeapType,
    ArrayType,
    ExternKind,
    FieldType,
    FuncExternType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    NumType,
    PackedType,
    RecType,
    RefType,
    StructType,
    SubType,
    TableType,
    TagType,
    VecType,
)

INDEX_SEGMENT_TYPE = RefType(False, AbsHeapType.FUNC)


def unsigned(bits: int) -> st.SearchStrategy[int]:
    """Numbers of so many bits, small ones and the edges of LEB128 often."""
    edges = [n for shift in range(7, bits + 1, 7) for n in ((1 << shift) - 1, 1 << shift) if n < 1 << bits]
    return st.integers(0, 3) | st.sampled_from([*edges, (1 << bits) - 1]) | st.integers(0, (1 << bits) - 1)


def signed(bits: int) -> st.SearchStrategy[int]:
    """Signed numbers of so many bits, small ones and the edges of LEB128 often."""
    half = 1 << (bits - 1)
    edges = [
        n for shift in range(6, bits - 1, 7) for n in ((1 << shift) - 1, 1 << shift, -1 << shift, (-1 << shift) - 1)
    ]
    return st.integers(-3, 3) | st.sampled_from([*edges, half - 1, -half]) | st.integers(-half, half - 1)


indices = unsigned(32)
names = st.text(max_size=8)

heaptypes = st.sampled_from(list(AbsHeapType)) | indices
reftypes = st.builds(RefType, st.booleans(), heaptypes)
valtypes = st.sampled_from([*NumType, *VecType]) | reftypes
storagetypes = st.sampled_from(list(PackedType)) | valtypes
fieldtypes = st.builds(FieldType, storagetypes, st.booleans())
resulttypes = st.lists(valtypes, max_size=4).map(tuple)
functypes = st.builds(FuncType, resulttypes, resulttypes)
structtypes = st.builds(StructType, st.lists(fieldtypes, max_size=4).map(tuple))
arraytypes = st.builds(ArrayType, fieldtypes)
subtypes = st.builds(
    SubType, st.booleans(), st.lists(indices, max_size=2).map(tuple), functypes | structtypes | arraytypes
)
rectypes = st.builds(RecType, st.lists(subtypes, max_size=3).map(tuple))

limits = st.builds(Limits, unsigned(64), st.none() | unsigned(64))
addresses = st.sampled_from([NumType.I32, NumType.I64])
memorytypes = st.builds(MemoryType, limits, addresses, st.booleans(), st.just(16) | st.integers(0, 63))
tabletypes = st.builds(TableType, reftypes, limits, addresses)
globaltypes = st.builds(GlobalType, valtypes, st.booleans())
tagtypes = st.builds(TagType, indices)
externtypes = st.builds(FuncExternType, indices) | tabletypes | memorytypes | globaltypes | tagtypes

_catches = st.builds(Catch, st.sampled_from([k for k in CatchKind if k.has_tag]), indices, indices) | st.builds(
    Catch, st.sampled_from([k for k in CatchKind if not k.has_tag]), st.none(), indices
)

_KINDS: dict[Immediate, st.SearchStrategy[ImmediateValue]] = {
    Immediate.I32: signed(32),
    Immediate.I64: signed(64),
    Immediate.F32: unsigned(32),
    Immediate.F64: unsigned(64),
    Immediate.V128: st.binary(min_size=16, max_size=16),
    Immediate.LANE: st.integers(0, 255),
    Immediate.LANES: st.binary(min_size=16, max_size=16),
    Immediate.MEMARG: st.builds(MemArg, st.integers(0, 63), unsigned(64), st.just(0) | indices),
    Immediate.LABELS: st.lists(indices, min_size=1, max_size=5).map(tuple),
    Immediate.BLOCK_TYPE: st.none() | valtypes | indices,
    Immediate.VALTYPES: resulttypes,
    Immediate.HEAP_TYPE: heaptypes,
    Immediate.REF_TYPE: st.builds(RefType, st.just(False), heaptypes),
    Immediate.REF_TYPE_NULL: st.builds(RefType, st.just(True), heaptypes),
    Immediate.CAST: st.builds(Cast, reftypes, reftypes),
    Immediate.CATCHES: st.lists(_catches, max_size=3).map(tuple),
    Immediate.ORDERING: st.just(0),
}

_BRACKETS = frozenset({"block", "loop", "if", "try_table", "else", "end"})
_PLAIN = [row for _, row in sorted(BY_CODE.items()) if row.name not in _BRACKETS]
_OPENING = [row for _, row in sorted(BY_CODE.items()) if row.name in {"block", "loop", "if", "try_table"}]
_ELSE, _END = BY_NAME["else"][0], BY_NAME["end"][0]

Operation = tuple[Row, tuple[ImmediateValue, ...]]


def immediates(row: Row) -> st.SearchStrategy[tuple[ImmediateValue, ...]]:
    """What may follow the opcode of a row."""
    return st.tuples(*(_KINDS.get(kind, indices) for kind in row.immediates))


def _operations(rows: Sequence[Row]) -> st.SearchStrategy[Operation]:
    return st.sampled_from(rows).flatmap(lambda row: st.tuples(st.just(row), immediates(row)))


@st.composite
def operations(draw: st.DrawFn, max_size: int = 12) -> list[Operation]:
    """Instructions that make up an expression: nested blocks, all of them closed, and the last `end`."""
    found: list[Operation] = []
    open_blocks: list[bool] = []  # whether an `else` may come
    for _ in range(draw(st.integers(0, max_size))):
        what = draw(st.sampled_from(["plain", "plain", "plain", "open", "else", "end"]))
        if what == "open":
            row, values = draw(_operations(_OPENING))
            open_blocks.append(row.name == "if")
            found.append((row, values))
        elif what == "else" and open_blocks and open_blocks[-1]:
            open_blocks[-1] = False
            found.append((_ELSE, ()))
        elif what == "end" and open_blocks:
            open_blocks.pop()
            found.append((_END, ()))
        else:
            found.append(draw(_operations(_PLAIN)))
    return [*found, *[(_END, ())] * (len(open_blocks) + 1)]


def assemble(found: Sequence[Operation]) -> Expr:
    """The expression that the instructions make up."""
    out = bytearray()
    for row, values in found:
        encode_instruction(out, row, values)
    return Expr(bytes(out))


expressions = operations().map(assemble)
constants = operations(max_size=2).map(assemble)

functions = st.builds(
    Function, indices, st.lists(st.tuples(st.integers(0, 300), valtypes), max_size=4).map(tuple), expressions
)
tables = st.builds(Table, tabletypes, st.none() | constants)
globals = st.builds(Global, globaltypes, constants)
imports = st.builds(Import, names, names, externtypes)
exports = st.builds(Export, names, st.sampled_from(list(ExternKind)), indices)
actives = st.builds(Active, st.just(0) | indices, constants)
elements = st.builds(
    Element,
    st.just(INDEX_SEGMENT_TYPE),
    st.lists(indices, max_size=4).map(tuple),
    actives | st.just(Passive()) | st.just(Declarative()),
) | st.builds(
    Element, reftypes, st.lists(constants, max_size=3).map(tuple), actives | st.just(Passive()) | st.just(Declarative())
)
datas = st.builds(Data, st.binary(max_size=20), actives | st.just(Passive()))


def _some(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(strategy, max_size=3).map(tuple)


def present_sections(module: Module) -> set[int]:
    """The ids of the sections that a module needs."""
    sections = {
        SectionId.TYPE: module.types,
        SectionId.IMPORT: module.imports,
        SectionId.FUNCTION: module.functions,
        SectionId.TABLE: module.tables,
        SectionId.MEMORY: module.memories,
        SectionId.TAG: module.tags,
        SectionId.GLOBAL: module.globals,
        SectionId.EXPORT: module.exports,
        SectionId.START: () if module.start is None else (module.start,),
        SectionId.ELEMENT: module.elements,
        SectionId.DATA_COUNT: (len(module.datas),) if module.has_data_count else (),
        SectionId.CODE: module.functions,
        SectionId.DATA: module.datas,
    }
    return {id.value for id, entries in sections.items() if entries}


@st.composite
def modules(draw: st.DrawFn) -> Module:
    """Modules, custom sections among them, in the one way to say them that the decoder uses."""
    parts = {
        "types": draw(_some(rectypes)),
        "imports": draw(_some(imports)),
        "functions": draw(_some(functions)),
        "tables": draw(_some(tables)),
        "memories": draw(_some(memorytypes)),
        "tags": draw(_some(tagtypes)),
        "globals": draw(_some(globals)),
        "exports": draw(_some(exports)),
        "start": draw(st.none() | indices),
        "elements": draw(_some(elements)),
        "datas": draw(_some(datas)),
        "has_data_count": draw(st.booleans()),
    }
    present = present_sections(Module(**parts))
    customs = draw(
        st.lists(st.builds(Custom, names, st.binary(max_size=10), st.sampled_from([0, *sorted(present)])), max_size=3)
    )
    return Module(**parts, customs=tuple(sorted(customs, key=lambda custom: PLACES[custom.after])))
