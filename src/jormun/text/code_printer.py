"""Instructions as the text format writes them, flat (core specification, section 6.5)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias, cast

from jormun.opcodes.immediates import BlockType, Cast, Catch, Immediate, ImmediateValue, MemArg
from jormun.opcodes.table import BY_CODE, Row
from jormun.syntax.code import instructions
from jormun.syntax.expression import Expr
from jormun.syntax.instruction import Instruction
from jormun.syntax.names import Names, Subsection
from jormun.text.identifiers import NamedSpace, identifier, quote_name
from jormun.text.literals import float_bits
from jormun.text.operations import BLOCKS
from jormun.text.type_printer import TypePrinter
from jormun.types import HeapType, RefType, ValType

_DEEPEST_INDENT = 40
"""Levels that are indented; deeper ones are not indented further, so that a text grows with the code alone."""

_INDICES = {
    Immediate.FUNC: Subsection.FUNCTION,
    Immediate.TABLE: Subsection.TABLE,
    Immediate.MEMORY: Subsection.MEMORY,
    Immediate.GLOBAL: Subsection.GLOBAL,
    Immediate.TAG: Subsection.TAG,
    Immediate.DATA: Subsection.DATA,
    Immediate.ELEM: Subsection.ELEMENT,
}


class CodePrinter:
    """Writes expressions, with the identifiers of a module."""

    def __init__(self, types: TypePrinter, spaces: Mapping[Subsection, NamedSpace]) -> None:
        self.types = types
        self.spaces = spaces
        self.uses_data = False
        """Whether an instruction that was written names a data segment."""
        self.locals = NamedSpace({}, 0)
        self.label_names: Mapping[int, str] = {}
        self.declared_label_count = 0
        self.block_count = 0
        self.labels: list[str | None] = []
        """The identifier of each open block."""
        self.label_places: dict[str, list[int]] = {}
        """Where in `labels` an identifier stands."""

    def enter(self, names: Names, function: int, locals: NamedSpace) -> None:
        """Prepare for the body of a function."""
        self.locals = locals
        self.label_names = names.within(Subsection.LABEL, function)
        self.block_count = 0

    def inline(self, expr: Expr) -> str:
        """An expression on one line, without its `end`; one instruction alone in parentheses."""
        texts = [text for text, _ in self._texts(expr)]
        return f"({texts[0]})" if len(texts) == 1 else " ".join(texts)

    def folded(self, expr: Expr, keyword: str) -> str:
        """An expression in parentheses: one instruction alone, several or none behind a keyword."""
        texts = [text for text, _ in self._texts(expr)]
        return f"({texts[0]})" if len(texts) == 1 else f"({' '.join([keyword, *texts])})"

    def lines(self, expr: Expr) -> Iterator[str]:
        """An expression, a line for each instruction, without its `end`."""
        for text, depth in self._texts(expr):
            yield f"{_INDENTS[min(depth, _DEEPEST_INDENT)]}{text}"

    def _texts(self, expr: Expr) -> Iterator[tuple[str, int]]:
        """Each instruction but the last `end`, and in how many blocks it is."""
        labels = self.labels
        for instruction in instructions(expr.code):
            row = instruction.row
            name = row.name
            if name in BLOCKS:
                text, label = self._block(instruction)
                yield text, len(labels)
                self._open(label)
            elif name == "end":
                if not labels:
                    return
                self._close()
                yield name, len(labels)
            elif name == "else":
                yield name, max(len(labels) - 1, 0)
            else:
                # FAST: most instructions have one immediate or none.
                writers = _WRITERS[row.code]
                values = instruction.immediates
                if not writers:
                    text = name
                elif len(writers) == 1:
                    text = name + writers[0](self, row, values)
                else:
                    text = name + "".join(writer(self, row, values) for writer in writers)
                yield text, len(labels)

    # Labels.

    def _block(self, instruction: Instruction) -> tuple[str, str | None]:
        """The text of an instruction that opens a block, and its label's identifier."""
        name = self.label_names.get(self.block_count)
        self.block_count += 1
        label = None
        declaration = ""
        if name is not None:
            self.declared_label_count += 1
            label = identifier(name) if name else None
            declaration = f" {label}" if label else f" (@name {quote_name(name)})"
        immediates = "".join(
            writer(self, instruction.row, instruction.immediates) for writer in _WRITERS[instruction.row.code]
        )
        return f"{instruction.row.name}{declaration}{immediates}", label

    def _open(self, label: str | None) -> None:
        if label is not None:
            self.label_places.setdefault(label, []).append(len(self.labels))
        self.labels.append(label)

    def _close(self) -> None:
        label = self.labels.pop()
        if label is not None:
            self.label_places[label].pop()

    def label(self, depth: int) -> str:
        """What stands for the label `depth` blocks outward: its identifier, unless a block within has the same."""
        place = len(self.labels) - 1 - depth
        label = self.labels[place] if place >= 0 else None
        return label if label is not None and self.label_places[label][-1] == place else str(depth)


_INDENTS = ["    " + "  " * depth for depth in range(_DEEPEST_INDENT + 1)]

# Immediates: each writer takes all values of an instruction and writes what it is for, a space before it.

Writer: TypeAlias = Callable[[CodePrinter, Row, tuple[ImmediateValue, ...]], str]


def _integer(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return f" {cast(int, values[0])}"


def _last_integer(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return f" {cast(int, values[-1])}"


def _nothing(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return ""


def _float32(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return f" {float_text(cast(int, values[0]), 32)}"


def _float64(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return f" {float_text(cast(int, values[0]), 64)}"


def _vector(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    lanes = struct.unpack("<4I", cast(bytes, values[0]))
    return f" i32x4 {' '.join(f'{lane:#010x}' for lane in lanes)}"


def _lanes(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return f" {' '.join(map(str, cast(bytes, values[0])))}"


def _memarg(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    memarg = cast(MemArg, values[0])
    text = f" {printer.spaces[Subsection.MEMORY].refer(memarg.memory)}" if memarg.memory else ""
    if memarg.offset:
        text += f" offset={memarg.offset}"
    if memarg.align != _NATURAL_ALIGNMENTS[row.code]:
        text += f" align={1 << memarg.align}"
    return text


def _index(kind: Immediate, place: int, is_optional: bool = False) -> Writer:
    """Writes the index that is the value at `place`; index 0 is left out if `is_optional`."""
    subsection = _INDICES[kind]

    def write(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
        index = cast(int, values[place])
        return "" if is_optional and index == 0 else f" {printer.spaces[subsection].refer(index)}"

    return write


def _data(place: int) -> Writer:
    write_index = _index(Immediate.DATA, place)

    def write(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
        printer.uses_data = True
        return write_index(printer, row, values)

    return write


def _memories(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    if values == (0, 0):
        return ""
    space = printer.spaces[Subsection.MEMORY]
    return "".join(f" {space.refer(cast(int, value))}" for value in values)


def _type(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return f" {printer.types.space.refer(cast(int, values[0]))}"


def _second_type(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return f" {printer.types.space.refer(cast(int, values[1]))}"


def _type_use(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return printer.types.type_use(cast(int, values[0]))


def _local(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return f" {printer.locals.refer(cast(int, values[0]))}"


def _field(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    index, field = cast(tuple[int, int], values)
    return f" {printer.types.named_fields(index).refer(field)}"


def _label(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return f" {printer.label(cast(int, values[0]))}"


def _labels(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return "".join(f" {printer.label(label)}" for label in cast(tuple[int, ...], values[0]))


def _block_type(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    t = cast(BlockType, values[0])
    if t is None:
        return ""
    if isinstance(t, int):
        return printer.types.type_use(t)
    return printer.types.result_types("result", (t,))


def _val_types(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return printer.types.result_types("result", cast(tuple[ValType, ...], values[0])) or " (result)"


def _heap_type(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return f" {printer.types.heap_type(cast(HeapType, values[0]))}"


def _ref_type(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    return f" {printer.types.val_type(cast(RefType, values[0]))}"


def _cast(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    types = cast(Cast, values[-1])
    return f" {printer.types.val_type(types.source)} {printer.types.val_type(types.target)}"


def _catches(printer: CodePrinter, row: Row, values: tuple[ImmediateValue, ...]) -> str:
    tags = printer.spaces[Subsection.TAG]
    return "".join(
        f" ({catch.kind}{'' if catch.tag is None else f' {tags.refer(catch.tag)}'} {printer.label(catch.label)})"
        for catch in cast(tuple[Catch, ...], values[1])
    )


_WRITERS_OF: dict[tuple[Immediate, ...], tuple[Writer, ...]] = {
    (): (),
    (Immediate.I32,): (_integer,),
    (Immediate.I64,): (_integer,),
    (Immediate.F32,): (_float32,),
    (Immediate.F64,): (_float64,),
    (Immediate.V128,): (_vector,),
    (Immediate.LANE,): (_integer,),
    (Immediate.LANES,): (_lanes,),
    (Immediate.MEMARG,): (_memarg,),
    (Immediate.MEMARG, Immediate.LANE): (_memarg, _last_integer),
    (Immediate.MEMORY,): (_index(Immediate.MEMORY, 0, True),),
    (Immediate.MEMORY, Immediate.MEMORY): (_memories,),
    (Immediate.DATA, Immediate.MEMORY): (_index(Immediate.MEMORY, 1, True), _data(0)),
    (Immediate.DATA,): (_data(0),),
    (Immediate.ELEM,): (_index(Immediate.ELEM, 0),),
    (Immediate.ELEM, Immediate.TABLE): (_index(Immediate.TABLE, 1), _index(Immediate.ELEM, 0)),
    (Immediate.TABLE,): (_index(Immediate.TABLE, 0),),
    (Immediate.TABLE, Immediate.TABLE): (_index(Immediate.TABLE, 0), _index(Immediate.TABLE, 1)),
    (Immediate.FUNC,): (_index(Immediate.FUNC, 0),),
    (Immediate.TYPE,): (_type,),
    (Immediate.TYPE, Immediate.TABLE): (_index(Immediate.TABLE, 1, True), _type_use),
    (Immediate.LOCAL,): (_local,),
    (Immediate.GLOBAL,): (_index(Immediate.GLOBAL, 0),),
    (Immediate.TAG,): (_index(Immediate.TAG, 0),),
    (Immediate.TYPE, Immediate.FIELD): (_type, _field),
    (Immediate.TYPE, Immediate.U32): (_type, _last_integer),
    (Immediate.TYPE, Immediate.DATA): (_type, _data(1)),
    (Immediate.TYPE, Immediate.ELEM): (_type, _index(Immediate.ELEM, 1)),
    (Immediate.TYPE, Immediate.TYPE): (_type, _second_type),
    (Immediate.LABEL,): (_label,),
    (Immediate.LABELS,): (_labels,),
    (Immediate.BLOCK_TYPE,): (_block_type,),
    (Immediate.BLOCK_TYPE, Immediate.CATCHES): (_block_type, _catches),
    (Immediate.VALTYPES,): (_val_types,),
    (Immediate.HEAP_TYPE,): (_heap_type,),
    (Immediate.REF_TYPE,): (_ref_type,),
    (Immediate.REF_TYPE_NULL,): (_ref_type,),
    (Immediate.LABEL, Immediate.CAST): (_label, _cast),
    (Immediate.ORDERING,): (_nothing,),
}


def float_text(bits: int, width: int) -> str:
    """The shortest decimal literal of a float, by its bit pattern; NaNs with their payload."""
    precision = 24 if width == 32 else 53
    sign = "-" if bits >> width - 1 else ""
    magnitude = bits & (1 << width - 1) - 1
    infinity = (1 << width - 1) - (1 << precision - 1)
    if magnitude == infinity:
        return f"{sign}inf"
    if magnitude > infinity:
        payload = magnitude - infinity
        return f"{sign}nan" if payload == 1 << precision - 2 else f"{sign}nan:{payload:#x}"
    if width == 64:
        return sign + repr(struct.unpack("<d", magnitude.to_bytes(8, "little"))[0])
    value = struct.unpack("<f", magnitude.to_bytes(4, "little"))[0]
    if value == int(value) and value < 1e7:
        return f"{sign}{value}"
    texts = (f"{value:.{digits}g}" for digits in range(6, 10))
    return sign + next(text for text in texts if float_bits(text, 32) == magnitude)


_WRITERS: dict[int, tuple[Writer, ...]] = {code: _WRITERS_OF[row.immediates] for code, row in BY_CODE.items()}
_NATURAL_ALIGNMENTS = {
    code: row.natural_alignment for code, row in BY_CODE.items() if Immediate.MEMARG in row.immediates
}
