"""Snapshots: a module whose instances begin in the state that an instance has reached.

It is a module like any other: its segments and initial values are what memories, tables and globals hold. Functions and
all indices stay, those of segments too: one that was dropped becomes an empty one, which is the same to instructions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from jormun.dataclass import replace
from jormun.errors import WasmError
from jormun.hints import Final
from jormun.limits import DATA_SEGMENTS
from jormun.runtime import layout, references
from jormun.runtime.instance import Instance
from jormun.runtime.memory import Memory
from jormun.runtime.native.machine import Native
from jormun.runtime.turn import OWNER
from jormun.syntax.code import END, single
from jormun.syntax.data import Data
from jormun.syntax.expression import Expr
from jormun.syntax.mode import Active, Declarative, Passive
from jormun.syntax.module import INDEX_TYPE, Element, Module
from jormun.syntax.module import Global as GlobalSyntax
from jormun.types import (
    F32,
    F64,
    I32,
    I64,
    V128,
    AbsHeapType,
    ExternKind,
    GlobalType,
    Limits,
    MemoryType,
    NumType,
    RefType,
    TableType,
    ValType,
)

_CHUNK_BYTES: Final = 1 << 16
_BLOCK_BYTES: Final = 1 << 10
"""So many zeros or more, at a multiple of it, are in no segment."""
_SIGNED_BITS: Final = {I32: 32, I64: 64}


def snapshot(instance: Instance, omit: Collection[str] = ()) -> Module:
    """The module. It has no start function, which has run, and no exports with names in `omit`.

    Raises WasmError where some of the state is not the instance's own, or cannot be written down: imported
    memories, tables and mutable globals, and references but to functions of the module, imported ones included, and
    i31 (structures and arrays are not written down); and while code of the store runs or waits, in whatever thread or
    task, but for threads of one program.
    """
    turn = instance.store.turn
    if turn.words[OWNER] or (turn.is_shared and Native.get().is_running):
        raise WasmError("cannot make a snapshot while a guest runs: its calls would be lost")
    _check_imports(instance)
    instance.fill()
    module = instance.compiled.valid.module
    state = _State(instance)
    elements = [
        each if state.has_elements(index) else Element(each.type, (), Passive())
        for index, each in enumerate(module.elements)
    ]
    datas = [each if state.has_data(index) else Data(b"", Passive()) for index, each in enumerate(module.datas)]
    tables = []
    for index, each in enumerate(module.tables):  # none is imported, nor a memory
        t = each.type
        bits = memoryview(instance.native.tables[index].contents()).cast("Q")
        t = TableType(t.element, Limits(len(bits), t.limits.maximum), t.address)
        # The elements of a table that has no null to begin with begin with what they did, and are all written.
        tables.append(replace(each, type=t, init=None if t.element.nullable else each.init))
        elements += state.elements(index, t.element, t.address, bits)
    declared = tuple(sorted(instance.compiled.valid.referenced_functions))
    if declared and module.elements:  # some of which declared functions, and are empty now
        elements.append(Element(INDEX_TYPE, declared, Declarative()))
    memories = []
    for index, memory in enumerate(instance.memories):
        kind = module.memories[index]
        bounds = Limits(memory.size_pages, kind.limits.maximum)
        memories.append(MemoryType(bounds, kind.address, kind.is_shared, kind.page_size_log2))
        datas += [Data(piece, Active(index, _number(kind.address, at))) for at, piece in _pieces(memory)]
    return replace(
        module,
        tables=tuple(tables),
        memories=tuple(memories),
        globals=tuple(state.globals(module)),
        exports=tuple(each for each in module.exports if each.name not in omit),
        start=None,
        elements=tuple(elements),
        datas=tuple(datas),
    )


def _check_imports(instance: Instance) -> None:
    """Raise WasmError where state is imported."""
    for each in instance.compiled.blueprint.imports:
        t = each.type
        kind = "memory" if isinstance(t, MemoryType) else "table" if isinstance(t, TableType) else ""
        if isinstance(t, GlobalType) and t.is_mutable:
            kind = "mutable global"
        if kind:
            raise WasmError(
                f'cannot make a snapshot: "{each.module}" "{each.name}" is an imported {kind}, whose state is not the '
                f"instance's own"
            )


class _State:
    """What an instance has, as syntax."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._layout = instance.compiled.layout
        vm = instance.native.vm
        self._functions = {vm + at: index for index, at in self._layout.own_function_records.items()}
        for index in range(instance.compiled.first_own):
            self._functions.setdefault(instance.function_address(index), index)

    def has_data(self, index: int) -> bool:
        """Whether there is something in a data segment."""
        return self._instance.native.read(self._layout.data_offset(index) + layout.SEGMENT_SIZE) != 0

    def has_elements(self, index: int) -> bool:
        """Whether there is something in an element segment, or it declares functions."""
        is_declarative = isinstance(self._instance.compiled.valid.module.elements[index].mode, Declarative)
        return is_declarative or self._instance.native.read(self._layout.elem_offset(index) + layout.SEGMENT_SIZE) != 0

    def globals(self, module: Module) -> Iterator[GlobalSyntax]:
        """The module's own globals: constant ones as they are, others with their values."""
        for index, each in enumerate(module.globals, len(module.imported(ExternKind.GLOBAL))):
            if each.type.is_mutable:
                value = self._constant(each.type.value, self._instance.read_global(index), f"global {index}")
                yield replace(each, init=value)
            else:
                yield each

    def elements(self, table: int, t: RefType, address: NumType, bits: memoryview) -> Iterator[Element]:
        """Active segments with what is in a table, but for nulls."""
        start, end = 0, len(bits)
        while start < end:
            if bits[start] == references.NULL:
                start += 1
                continue
            stop = start
            while stop < end and bits[stop] != references.NULL:
                stop += 1
            mode = Active(table, _number(address, start))
            found = [self._functions.get(each) for each in bits[start:stop]]
            functions = tuple([each for each in found if each is not None])
            if t.heap is AbsHeapType.FUNC and len(functions) == len(found):
                yield Element(INDEX_TYPE, functions, mode)
            else:
                items = [self._constant(t, bits[k], f"element {k} of table {table}") for k in range(start, stop)]
                yield Element(t, tuple(items), mode)
            start = stop

    def _constant(self, t: ValType, bits: int, where: str) -> Expr:
        """An expression for a value."""
        if isinstance(t, NumType):
            return _number(t, bits)
        if t is V128:
            return single("v128.const", bits.to_bytes(16, "little"))
        assert isinstance(t, RefType)
        if bits == references.NULL:
            return single("ref.null", t.heap)
        if references.is_i31(bits):
            number = _number(I32, references.i31_value(bits) & 0xFFFF_FFFF).code
            return Expr(number.removesuffix(bytes([END])) + single("ref.i31").code)
        function = self._functions.get(bits)
        if function is None:
            what = "no function of the module"
            if references.is_external(bits):
                what = "an object of the host's"
            elif references.may_be_object(t):
                what = "a structure or an array"
            raise WasmError(f"cannot make a snapshot: {where} refers to {what}")
        return single("ref.func", function)


def _number(t: NumType, bits: int) -> Expr:
    """The expression of a number."""
    if t in (F32, F64):
        return single(f"{t}.const", bits)
    return single(f"{t}.const", bits - (bits >> _SIGNED_BITS[t] - 1 << _SIGNED_BITS[t]))


def _pieces(memory: Memory) -> list[tuple[int, bytes]]:
    """All that is not zero in a memory: offsets, and bytes that neither begin nor end with a zero."""
    view = memory.view()
    # A memory that was never written to is read by the kernel's one page of zeros.
    chunks = [at for at in range(0, len(view), _CHUNK_BYTES) if bytes(view[at : at + _CHUNK_BYTES]).strip(b"\0")]
    block_bytes = _BLOCK_BYTES
    while True:
        pieces = list(_runs(view, chunks, block_bytes))
        if len(pieces) <= DATA_SEGMENTS // 2 or block_bytes > _CHUNK_BYTES:
            return pieces
        block_bytes *= 2


def _runs(view: memoryview, chunks: list[int], block_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Runs of blocks that are not all zeros."""
    start = end = 0
    for chunk in chunks:
        for at in range(chunk, min(chunk + _CHUNK_BYTES, len(view)), block_bytes):
            if not bytes(view[at : at + block_bytes]).strip(b"\0"):
                continue
            if at != end and start < end:
                yield _trimmed(view, start, end)
                start = at
            elif start == end:
                start = at
            end = min(at + block_bytes, len(view))
    if start < end:
        yield _trimmed(view, start, end)


def _trimmed(view: memoryview, start: int, end: int) -> tuple[int, bytes]:
    piece = bytes(view[start:end]).lstrip(b"\0")
    return end - len(piece), piece.rstrip(b"\0")
