"""Element and data segments, decoded (core specification, sections 5.5.12 and 5.5.14). To be compiled by mypyc."""

from __future__ import annotations

from jormun import limits
from jormun.binary.reader import Reader
from jormun.errors import MalformedError
from jormun.hints import Final
from jormun.syntax.data import Data
from jormun.syntax.expression import Expr, Source
from jormun.syntax.mode import Active, Declarative, Passive
from jormun.syntax.module import INDEX_TYPE, Element
from jormun.types import FUNCREF

IS_NOT_ACTIVE: Final = 0x01
HAS_INDEX_OR_IS_DECLARATIVE: Final = 0x02
"""The index is a table's or a memory's, in an active segment; other segments with this bit are declarative."""
HAS_EXPRESSIONS: Final = 0x04

_PASSIVE: Final = Passive()
_DECLARATIVE: Final = Declarative()


def element(reader: Reader) -> Element:
    """An element segment."""
    start = reader.at
    flags = reader.u32()
    if flags > 0x07:
        raise MalformedError(f"malformed elements segment kind {flags}", offset=start)
    mode: Active | Passive | Declarative
    if flags & IS_NOT_ACTIVE:
        mode = _DECLARATIVE if flags & HAS_INDEX_OR_IS_DECLARATIVE else _PASSIVE
    else:
        table = reader.u32() if flags & HAS_INDEX_OR_IS_DECLARATIVE else 0
        mode = Active(table, reader.expression())
    says_type = flags & (IS_NOT_ACTIVE | HAS_INDEX_OR_IS_DECLARATIVE) != 0
    if flags & HAS_EXPRESSIONS:
        t = reader.reftype() if says_type else FUNCREF
        expressions: list[Expr] = []
        for _ in range(reader.count(limits.ELEMENTS_IN_SEGMENT, "elements")):
            expressions.append(reader.expression())
        return Element(t, tuple(expressions), mode, Source(start))
    if says_type:
        at = reader.at
        if reader.byte() != 0:
            raise MalformedError("malformed element kind", offset=at)
    return Element(INDEX_TYPE, reader.indices(limits.ELEMENTS_IN_SEGMENT, "elements"), mode, Source(start))


def data(reader: Reader) -> Data:
    """A data segment."""
    start = reader.at
    flags = reader.u32()
    if flags > HAS_INDEX_OR_IS_DECLARATIVE:
        raise MalformedError(f"malformed data segment kind {flags}", offset=start)
    mode: Active | Passive
    if flags & IS_NOT_ACTIVE:
        mode = _PASSIVE
    else:
        memory = reader.u32() if flags else 0
        mode = Active(memory, reader.expression())
    size_bytes = reader.size()
    at = reader.at
    reader.skip(size_bytes)
    return Data(reader.data, mode, Source(start), at, reader.at)
